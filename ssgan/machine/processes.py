"""The processes of a run: which one this is, as launchers say in the environment, and how the others are ended.

The launchers are torchrun, Lightning, SLURM, MPI and LSF.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time

#: The process's number in the whole run.
_RANKS = ("RANK", "LOCAL_RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "JSM_NAMESPACE_RANK")

#: The number of processes.
_SIZES = ("WORLD_SIZE", "SLURM_NTASKS", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "JSM_NAMESPACE_SIZE")


def first_process() -> bool:
    """Whether this is the first process of a run, or its only one."""
    return _said(_RANKS, "0") == os.environ.get("NODE_RANK", "0") == "0"


def first_of_machine() -> bool:
    """Whether this is the first process of a run on this machine, or its only one.

    By torchrun and Lightning alone: the tasks of SLURM and MPI may be runs of their own, each with other options.
    """
    return os.environ.get("LOCAL_RANK", "0") == "0"


def one_of_several() -> bool:
    """Whether a launcher has started several processes of this run."""
    return _said(_SIZES, "1") != "1"


def end_processes(processes: list[subprocess.Popen[bytes]], patience: float, after_sigterm: float = 5.0) -> None:
    """End the other processes of a run, and take them out of the list.

    They have ``patience`` seconds to end by themselves, and some more after SIGTERM, of which one that waits for
    another within NCCL does not hear. Lightning watches the list, and would kill this process too once one of them has
    ended with an error, whatever it has still to upload.
    """
    ours = list(processes)
    processes.clear()
    _wait(ours, patience)
    for number, seconds in ((signal.SIGTERM, after_sigterm), (signal.SIGKILL, 5.0)):
        for process in ours:
            process.send_signal(number)  # does nothing to one that has ended
        _wait(ours, seconds)


def _wait(processes: list[subprocess.Popen[bytes]], seconds: float) -> None:
    """Until all have ended, at most so long."""
    end = time.monotonic() + seconds
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(end - time.monotonic(), 0.0))


def _said(names: tuple[str, ...], otherwise: str) -> str:
    return next((os.environ[name] for name in names if name in os.environ), otherwise)
