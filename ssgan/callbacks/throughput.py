"""Iterations a second, for the loggers that draw it."""

from __future__ import annotations

import time
from typing import Any

import lightning as L
from lightning.pytorch.loggers import CSVLogger

from ssgan.callbacks.schedule import is_due
from ssgan.checks import positive


class Throughput(L.Callback):
    """Logs ``train/iterations_per_second``, evaluations included, every ``every`` iterations.

    Not into ``metrics.csv``, whose rows are the same for each repetition of a run.

    Args:
        every: iterations between two rows.
    """

    def __init__(self, every: int = 50) -> None:
        positive("callbacks.throughput.every", every)
        self.every = every
        self._since = (0, 0.0)  # iteration and time of the last row

    def on_train_start(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """Begin to count."""
        self._since = (trainer.global_step, time.monotonic())

    def on_train_batch_end(
        self, trainer: L.Trainer, module: L.LightningModule, outputs: Any, batch: Any, *_: Any
    ) -> None:
        """Log at every multiple of ``every``, where the losses have just been fetched from the device."""
        step = trainer.global_step
        if is_due(trainer, batch, self.every):
            before, began = self._since
            now = time.monotonic()
            rate = (step - before) / max(now - began, 1e-9)
            self._since = (step, now)
            for logger in trainer.loggers:
                if not isinstance(logger, CSVLogger):
                    logger.log_metrics({"train/iterations_per_second": rate}, step=step)
