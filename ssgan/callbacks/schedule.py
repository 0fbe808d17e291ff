"""When a callback acts: questions that it asks after a batch, which may be several iterations."""

from __future__ import annotations

from collections.abc import Sized

import lightning as L


def is_due(trainer: L.Trainer, batch: Sized, every: int) -> bool:
    """Whether the batch just finished completed an iteration whose number is a multiple of ``every``."""
    step = trainer.global_step
    return step // every > (step - len(batch)) // every


def stops_early(trainer: L.Trainer) -> bool:
    """Whether a callback such as EarlyStopping, or a limit of time, ends the run after the present batch."""
    return trainer.should_stop and trainer.fit_loop._can_stop_early


def evaluation_follows(trainer: L.Trainer) -> bool:
    """Whether the batch that has just been done is followed by an evaluation; after a last one Lightning makes one."""
    done = trainer.fit_loop.total_batch_idx + 1
    due = done % int(trainer.val_check_interval) == 0 or stops_early(trainer)
    return due and sum(trainer.num_val_batches) > 0
