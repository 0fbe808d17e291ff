"""Runs in forked processes: torch and Lightning are imported once, by the process that forks."""

from __future__ import annotations

import importlib
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from tests.runs import command

#: Seconds that the companions of a killed process have to end by themselves. In the rendezvous they would wait for it.
LAUNCHER = 10.0


def import_everything() -> None:
    """Import what a run needs, without starting a thread, which a fork would lose."""
    for name in ("lightning", "sklearn.datasets", "torchmetrics.classification", "ssgan.run"):
        importlib.import_module(name)
    torch.set_num_threads(1)


class Forked:
    """A training command in processes of their own, as many as its ``trainer.devices``.

    Args:
        argv: of the command.
        output: file for what it prints.
        prepare: called in each process before the command with its rank.
    """

    def __init__(self, argv: Sequence[str], output: Path, prepare: Callable[[int], None] | None = None) -> None:
        devices = [int(word.partition("=")[2]) for word in argv if word.startswith("trainer.devices=")]
        world, port = (devices or [1])[-1], free_port()
        self.statuses: dict[int, int] = {}
        self.left: set[int] = set()
        self.pids = [self._fork(rank, world, port, argv, output, prepare) for rank in range(world)]

    def _fork(self, rank, world, port, argv, output, prepare) -> int:
        pid = os.fork()
        if pid:
            return pid
        status = 70
        try:
            descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(descriptor, 1)
            os.dup2(descriptor, 2)
            if world > 1:
                os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(world),
                               "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "LOCAL_WORLD_SIZE": str(world),
                               "GROUP_RANK": "0", "TORCHELASTIC_RUN_ID": "torture"}  # fmt: skip
            if prepare:
                prepare(rank)
            status = command(*argv)
        except BaseException:  # the process must not go on as a copy of its parent
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def poll(self) -> bool:
        """Whether all processes have ended."""
        for rank, pid in enumerate(self.pids):
            if rank not in self.statuses:
                ended, status = os.waitpid(pid, os.WNOHANG)
                if ended:
                    self.statuses[rank] = os.waitstatus_to_exitcode(status)
        return len(self.statuses) == len(self.pids)

    def send(self, number: int, ranks: Sequence[int]) -> None:
        """Send a signal to those of the processes that have not ended."""
        self.poll()
        for rank in ranks:
            if rank not in self.statuses:
                os.kill(self.pids[rank], number)

    def wait(self, seconds: float) -> bool:
        """Wait for all processes; if they need longer than that, kill them and return False.

        The companions of a process that a signal has ended are killed after :data:`LAUNCHER` seconds, as torchrun and
        Lightning's launcher do; ``left`` then holds them. Time in which this process is stopped itself, and they with
        it, does not count.
        """
        waited, alone, last = 0.0, 0.0, time.monotonic()
        while not self.poll():
            if alone > LAUNCHER:
                self.left = set(range(len(self.pids))) - self.statuses.keys()
            if waited > seconds or self.left:
                self.send(signal.SIGKILL, range(len(self.pids)))
                while not self.poll():
                    time.sleep(0.01)
                return bool(self.left)
            time.sleep(0.005)
            now = time.monotonic()
            step, last = min(now - last, 1.0), now
            waited, alone = waited + step, alone + step * any(status < 0 for status in self.statuses.values())
        return True


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
