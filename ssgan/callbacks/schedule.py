"""When a callback acts: questions that it asks after a batch, which may be several iterations."""

from __future__ import annotations

from collections.abc import Sized

import lightning as L


def is_due(trainer: L.Trainer, batch: Sized, every: int) -> bool:
    """Whether a multiple of ``every`` is among the numbers of the iterations of the batch that has just been done."""
    step = trainer.global_step
    return step // every > (step - len(batch)) // every


def evaluation_follows(trainer: L.Trainer) -> bool:
    """Whether the batch that has just been done is followed by an evaluation."""
    done = trainer.fit_loop.total_batch_idx + 1
    return done % int(trainer.val_check_interval) == 0 and sum(trainer.num_val_batches) > 0
