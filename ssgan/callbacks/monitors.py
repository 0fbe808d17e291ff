"""Callbacks that watch a metric, such as Lightning's early stopping."""

from __future__ import annotations

from collections.abc import Sequence

import lightning as L

from ssgan.callbacks.checkpoints import BestCheckpoint
from ssgan.errors import ConfigError


def check_monitors(callbacks: Sequence[L.Callback], num_val: int) -> None:
    """Refuse callbacks that wait for the error on held-out labels where none are held out.

    Args:
        callbacks: of a run; :class:`BestCheckpoint` does without.
        num_val: images that are held out.

    Raises:
        ConfigError: names the callback.
    """
    for callback in callbacks:
        monitor = getattr(callback, "monitor", None)
        waits = isinstance(monitor, str) and monitor.startswith("val/") and not isinstance(callback, BestCheckpoint)
        if waits and not num_val:
            raise ConfigError(
                f"callbacks: {type(callback).__name__} watches {monitor}, but no labels are held out: data.num_val=N"
                " holds out N"
            )
