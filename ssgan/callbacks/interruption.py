"""A run that is told to stop ends where a resumed one can go on exactly."""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.utilities.exceptions import SIGTERMException

from ssgan.callbacks.checkpoints import LastCheckpoint
from ssgan.callbacks.schedule import evaluation_follows, is_due
from ssgan.run_folder.checkpoint import how_to_go_on

log = logging.getLogger(__name__)

#: By which a batch system says that a job's time is nearly over.
REQUEUE = (signal.SIGUSR1, signal.SIGUSR2)


class Interruption(Checkpoint):
    """Finishes the iteration, and its evaluation, before it obeys a signal.

    SIGTERM and SIGINT (Ctrl-C) write ``last.ckpt`` and end the run with status 128 plus the signal's number; a second
    SIGINT ends it at once. SIGUSR1 and SIGUSR2, where somebody waits for them, write it too and are then passed on: to
    Lightning (``sbatch --signal=USR1@90``) or submitit, which requeue the job.

    They would act in the middle of whatever is being done: save a state between D's and G's step or none at all, or,
    where several processes train, let them communicate out of turn. They are told of a signal at a time of our choice
    instead. Several processes agree at the rows of the log, where they wait for each other anyway.

    Args:
        log_every: iterations between two rows of the log.
    """

    def __init__(self, log_every: int) -> None:
        self.log_every = log_every
        self._together = False  # whether all processes are at the end of the same batch with a row of the log
        self._received: int | None = None
        self._replaced: dict[int, Any] = {}

    def on_train_start(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """Take over the signals; until now there was nothing to save."""
        if trainer.received_sigterm:
            raise SIGTERMException(128 + signal.SIGTERM)
        self._replaced = {}
        awaited = [number for number in REQUEUE if callable(signal.getsignal(number))]
        for number in (signal.SIGTERM, signal.SIGINT, *awaited):
            self._replace(number, self._note)

    def on_train_batch_end(
        self, trainer: L.Trainer, module: L.LightningModule, outputs: Any, batch: Any, *_: Any
    ) -> None:
        """Obey after an iteration, but after its evaluation if there is one."""
        self._together = is_due(trainer, batch, self.log_every) or trainer.global_step == trainer.max_steps
        if not evaluation_follows(trainer):
            self._obey(trainer)

    def on_validation_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """Obey after an evaluation."""
        if trainer.state.fn == "fit":
            self._obey(trainer)

    def on_test_start(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """In the final test there is nothing to save; Lightning alone would end it with status 0."""
        self._replaced = {}
        self._replace(signal.SIGTERM, _end)
        self._replace(signal.SIGINT, _end)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Give the signals back to Lightning, which then gives its own back; after an error it does so alone."""
        for number, handler in self._replaced.items():
            signal.signal(number, handler)
        self._replaced = {}

    on_test_end = on_train_end

    def _replace(self, number: int, handler: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            before = signal.signal(number, handler)
            self._replaced.setdefault(int(number), before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        """A signal has come."""
        if number == signal.SIGINT == self._received:
            raise KeyboardInterrupt
        self._received = number

    def _obey(self, trainer: L.Trainer) -> None:
        """Do what the signal asks for, if all processes are here."""
        received = self._received
        if trainer.world_size > 1:
            if not self._together:
                return
            number = torch.tensor(float(received or 0), device=trainer.strategy.root_device)
            received = int(trainer.strategy.reduce(number, reduce_op="max")) or None
        if received is None:
            return
        self._received = None
        for callback in trainer.checkpoint_callbacks:
            if isinstance(callback, LastCheckpoint):
                callback.write(trainer)
        if received in REQUEUE:
            if (handler := self._replaced.get(received)) is not None:  # another process alone may await it
                handler(received, None)
            return  # whoever has requeued the job ends it
        if trainer.is_global_zero:
            name, hint = signal.Signals(received).name, how_to_go_on(trainer.default_root_dir)
            log.warning("%s: stopped after iteration %d%s", name, trainer.global_step, hint)
        raise SIGTERMException(128 + received)


def _end(number: int, frame: FrameType | None) -> None:
    raise SIGTERMException(128 + number)
