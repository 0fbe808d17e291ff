"""How long a training is, and how far."""

from __future__ import annotations

import lightning as L

from ssgan.errors import ConfigError


def total_iterations(trainer: L.Trainer, per_epoch: int) -> int:
    """Iterations of the whole training, which learning rates and rising weights follow.

    Raises:
        ConfigError: it has no end but by the clock.
    """
    if trainer.max_steps > 0:
        return trainer.max_steps
    if trainer.max_epochs is None or trainer.max_epochs < 0:
        raise ConfigError("rates and weights follow the length of the training: give max_steps or max_epochs")
    return max(trainer.max_epochs, 1) * per_epoch


def count_iteration(trainer: L.Trainer) -> None:
    """Let ``trainer.global_step`` count iterations; Lightning would count each optimiser's steps."""
    progress = trainer.fit_loop.epoch_loop.manual_optimization.optim_step_progress
    progress.increment_ready()
    progress.increment_completed()
