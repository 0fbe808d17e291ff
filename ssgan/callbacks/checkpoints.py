"""Checkpoints: the newest state, and the best one where held-out labels tell which that is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Checkpoint, ModelCheckpoint

from ssgan.callbacks.schedule import evaluation_follows, is_due, stops_early
from ssgan.checks import positive


class LastCheckpoint(Checkpoint):
    """Writes ``last.ckpt`` every ``every`` iterations and at the end; the file is always whole.

    Lightning's ModelCheckpoint would write before the evaluation of the same iteration, which a resumed run would then
    not make. Loggers that upload checkpoints hear of it as of a ModelCheckpoint's.

    Args:
        dirpath: folder of the checkpoints.
        every: iterations between two writes.
    """

    # What such loggers read of a ModelCheckpoint.
    save_top_k = 1
    current_score = None
    last_model_path = best_model_path = ""

    def __init__(self, dirpath: str, every: int) -> None:
        positive("callbacks.last.every", every)
        self.path = Path(dirpath) / "last.ckpt"
        self.every = every
        self._due = False
        self._written = -1

    def on_train_batch_end(
        self, trainer: L.Trainer, module: L.LightningModule, outputs: Any, batch: Any, *_: Any
    ) -> None:
        """Write at every multiple of ``every`` and at the end, but after the evaluation if there is one.

        When the training has ended is too late: Lightning then counts the epoch in which it stopped as a whole one.
        """
        last = trainer.global_step == trainer.max_steps or stops_early(trainer)
        self._due = last or is_due(trainer, batch, self.every)
        if self._due and not evaluation_follows(trainer):
            self.write(trainer)

    def on_validation_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """Write after an evaluation, which a resumed run would not repeat."""
        if self._due or (trainer.state.fn == "fit" and stops_early(trainer)):
            self.write(trainer)

    def on_train_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """Write the state of a run that another callback has stopped early, at the end of an epoch."""
        self.write(trainer)

    def complete(self, trainer: L.Trainer) -> None:
        """Write the state of a run that had nothing left to do, where it has not been written yet."""
        if not trainer.strategy.broadcast(self.path.is_file()):
            self.write(trainer)

    def write(self, trainer: L.Trainer) -> None:
        """Write the present state, unless that has been done."""
        if trainer.global_step != self._written:
            trainer.save_checkpoint(self.path)
            self.last_model_path = str(self.path)
            for logger in trainer.loggers if trainer.is_global_zero else []:
                logger.after_save_checkpoint(self)  # type: ignore[arg-type]
        self._due = False
        self._written = trainer.global_step


class BestCheckpoint(ModelCheckpoint):
    """Writes ``best.ckpt``, the state with the lowest ``val/error``; nothing where no labels are held out."""

    def __init__(self, dirpath: str) -> None:
        super().__init__(
            dirpath=dirpath,
            filename="best",
            monitor="val/error",
            mode="min",
            enable_version_counter=False,
            save_on_train_epoch_end=False,
        )

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write if the error is the lowest so far."""
        if "val/error" in trainer.callback_metrics:
            super().on_validation_end(trainer, pl_module)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go by the lowest error so far where ``best.ckpt`` is, also when the run's folder was moved; else begin anew.

        Lightning would go by the folder's name. A state from before the first evaluation knows of no error, and what
        ``best.ckpt`` then holds came after it and will be done again.
        """
        path = Path(str(self.dirpath), "best.ckpt")
        if path.is_file() and state_dict["best_model_score"] is not None:
            here, score = str(path), state_dict["best_model_score"]
            places = {"best_model_path": here, "kth_best_model_path": here, "best_k_models": {here: score}}
            super().load_state_dict({**state_dict, **places, "dirpath": self.dirpath})
