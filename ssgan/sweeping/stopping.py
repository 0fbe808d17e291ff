"""What Ctrl-C and SIGTERM do outside of a training: to a sweep, whose jobs end first, and to a single run."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import gethostname
from types import FrameType
from typing import Any, NoReturn

from ssgan.run_folder.status import read_status

#: Seconds between two looks at the jobs.
_EVERY = 0.1

#: Seconds without a new status after which a job counts as gone.
_GONE = 300.0


class GracefulStop:
    """A handler of SIGINT and SIGTERM for the process that has started the jobs.

    It passes the first signal on to the jobs that run on this machine, as a terminal does with Ctrl-C and others do
    not, and waits until they have ended; a launcher that is told at once kills its processes. A second signal ends the
    sweep as it is.

    Args:
        running: gives the folders of the jobs that run.
    """

    def __init__(self, running: Callable[[], list[Path]]) -> None:
        self._running = running
        self._stopping = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal.

        Raises:
            KeyboardInterrupt: it was SIGINT.
            SystemExit: it was another one.
        """
        if self._stopping:
            _end(number)
        self._stopping = True
        jobs = {folder: pid for folder in self._running() if (pid := _process(folder)) is not None}
        if jobs:
            print(f"\nstopping: {len(jobs)} running jobs write their checkpoints; again ends at once", file=sys.stderr)
        told: set[int] = set()
        began = time.monotonic()
        while jobs:
            # A terminal's Ctrl-C has reached them already; told twice, a job in its final test would end twice.
            if number != signal.SIGINT or time.monotonic() - began > 1:
                for pid in set(jobs.values()) - told:
                    told.add(pid)
                    with suppress(ProcessLookupError):  # it has just ended
                        os.kill(pid, signal.SIGTERM)
            time.sleep(_EVERY)
            jobs = {folder: pid for folder in jobs if (pid := _process(folder)) is not None}
        _end(number)


@contextmanager
def graceful_stop(running: Callable[[], list[Path]]) -> Iterator[None]:
    """Let :class:`GracefulStop` handle the signals meanwhile; outside the main thread nothing can."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = GracefulStop(running)
    before: dict[int, Any] = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


@contextmanager
def sigterm_ends() -> Iterator[None]:
    """Let SIGTERM end what runs meanwhile as Ctrl-C does, so that its end is written down, where nobody handles it."""
    alone = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    if not alone:
        yield
        return
    signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    print("terminated", file=sys.stderr)
    _end(number)


def _process(folder: Path) -> int | None:
    """The other process of this machine in which a job is at work; None if there is none, or it is gone."""
    status = read_status(folder)
    if status is None or status.state != "running" or time.time() - status.updated > _GONE:
        return None
    if status.pid == os.getpid() or status.host != gethostname():
        return None
    try:
        os.kill(status.pid, 0)
    except ProcessLookupError:
        return None
    return status.pid


def _end(number: int) -> NoReturn:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)
