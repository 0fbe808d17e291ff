"""``status.json``: how far a run has come, for whoever watches from outside."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from socket import gethostname

from ssgan.atomic_write import atomic_write
from ssgan.errors import SSGANError

#: What a run can be. One that was killed stays "running", with an old time of its last update.
STATES = ("running", "done", "failed", "interrupted")


@dataclass(frozen=True)
class RunStatus:
    """The state of a run, one of :data:`STATES`; its iterations done and in all; seconds of training; why it failed."""

    state: str
    iteration: int = 0
    iterations: int = 0
    seconds: float = 0.0
    error: str | None = None
    updated: float = field(default_factory=time.time)  # seconds since 1970
    pid: int = field(default_factory=os.getpid)  # of the process that says so
    host: str = field(default_factory=gethostname)

    @property
    def fraction(self) -> float:
        """Which part of the iterations is done."""
        return 1.0 if self.state == "done" else min(self.iteration / max(self.iterations, 1), 1.0)

    def write(self, run_dir: str | Path) -> None:
        """Replace a run folder's ``status.json`` in one step, so that no reader sees half of it."""
        with atomic_write(Path(run_dir, "status.json")) as aside:
            aside.write_text(json.dumps(asdict(self)) + "\n")


@contextmanager
def end_noted(run_dir: str | Path) -> Iterator[None]:
    """Write down how what runs meanwhile ended, if it did not reach its end and had begun."""
    try:
        yield
    except BaseException as error:
        last = read_status(run_dir)
        if last is not None and last.state == "running" and (last.pid, last.host) == (os.getpid(), gethostname()):
            failed = isinstance(error, Exception)
            plain = isinstance(error, SSGANError | OSError)  # as the command says it, which notes it once more
            why = str(error) if plain else f"{type(error).__name__}: {error}" if failed else None
            with suppress(OSError):  # a disk that is full has not to hide why it ended
                state = "failed" if failed else "interrupted"
                replace(last, state=state, error=why, updated=time.time()).write(run_dir)
        raise


def read_status(run_dir: str | Path) -> RunStatus | None:
    """The status in a run folder; None if there is none that can be read."""
    try:
        values = json.loads(Path(run_dir, "status.json").read_text())
        return RunStatus(**values) if values["state"] in STATES else None
    except (OSError, ValueError, TypeError, KeyError):
        return None
