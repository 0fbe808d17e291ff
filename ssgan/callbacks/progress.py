"""The progress bar."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import RichProgressBar


class Progress(RichProgressBar):
    """Lightning's rich progress bar with both losses and the errors, and without the loggers' version.

    Args:
        refresh_rate: iterations between two refreshes.
    """

    def __init__(self, refresh_rate: int = 20) -> None:
        super().__init__(refresh_rate=refresh_rate)

    @property
    def total_train_batches(self) -> int | float:
        """Iterations of an epoch, several of which a batch may hold."""
        return super().total_train_batches * self._together()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Sized, batch_idx: int
    ) -> None:
        """Show the iterations that are done, where the bar is due; Lightning would collect what it shows every time."""
        done = (batch_idx + 1) * len(batch)
        due = self.is_enabled and done // self.refresh_rate > (done - len(batch)) // self.refresh_rate
        if due or done >= self.total_train_batches:
            super().on_train_batch_end(trainer, pl_module, outputs, batch, done - 1)

    def _should_update(self, current: int, total: int | float) -> bool:
        return True  # Lightning 2.6.0 asks again, for multiples of the rate, which a batch's iterations may pass over

    def _together(self) -> int:
        return getattr(self.trainer.train_dataloader, "iterations_per_batch", 1)

    def get_metrics(self, trainer: L.Trainer, pl_module: L.LightningModule) -> dict[str, Any]:
        """The metrics to show, by short names."""
        metrics = super().get_metrics(trainer, pl_module)
        metrics.pop("v_num", None)
        return {name.removeprefix("train/"): value for name, value in metrics.items()}
