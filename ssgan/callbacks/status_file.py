"""Keeps ``status.json`` up to date while a run trains."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.utilities import rank_zero_only

from ssgan.run_folder.status import RunStatus

log = logging.getLogger(__name__)


class StatusFile(L.Callback):
    """Writes a run's status at its start, every few seconds, and when training ends.

    A run that goes on from a finished one takes away that one's ``result.json``, and those of an ensemble's members,
    when it begins its first iteration, for until then it may be refused, and the result of a shorter run is none of a
    longer one.

    Args:
        run_dir: the run's folder.
        every: seconds between two updates.
    """

    def __init__(self, run_dir: str, every: float = 2.0) -> None:
        self.run_dir = run_dir
        self.every = every
        self._written = 0.0
        self._failed = False

    def on_train_start(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """Write the first status; from here on an earlier result is out of date."""
        self._write(trainer)
        if trainer.is_global_zero:
            run_dir = Path(self.run_dir)
            for result in (run_dir / "result.json", *run_dir.glob("members/*/result.json")):
                result.unlink(missing_ok=True)

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        """Write the next one when it is time."""
        if time.monotonic() - self._written >= self.every:
            self._write(trainer)

    def on_train_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """Write the last one of training; the test is still to come."""
        self._write(trainer)

    def on_exception(self, trainer: L.Trainer, module: L.LightningModule, exception: BaseException) -> None:
        """Write how far it had come, if it had begun."""
        if self._written:
            self._write(trainer)

    @rank_zero_only
    def _write(self, trainer: L.Trainer) -> None:
        self._written = time.monotonic()
        module: Any = trainer.lightning_module
        status = RunStatus("running", trainer.global_step, trainer.max_steps, round(module.stopwatch.seconds, 3))
        try:
            status.write(self.run_dir)
        except OSError as error:  # who watches misses something; the run does not
            if not self._failed:
                log.warning("status.json could not be written: %s", error)
            self._failed = True
