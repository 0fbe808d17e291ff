"""Callbacks that a recorded CUDA graph would leave out."""

from __future__ import annotations

from collections.abc import Sequence

import lightning as L

from ssgan.errors import ConfigError

#: Lightning's hooks inside a step, which the host reaches only until the step is recorded.
INSIDE_A_STEP = ("on_before_backward", "on_after_backward", "on_before_optimizer_step")


def check_recorded(callbacks: Sequence[L.Callback], cuda_graphs: bool) -> None:
    """Refuse callbacks that a graph's replay would pass over.

    Args:
        callbacks: of a run.
        cuda_graphs: whether its steps are replayed.

    Raises:
        ConfigError: names the callback and the hook.
    """
    for callback in callbacks if cuda_graphs else ():
        for hook in INSIDE_A_STEP:
            if getattr(type(callback), hook) is not getattr(L.Callback, hook):
                raise ConfigError(
                    f"callbacks: {type(callback).__name__} waits for {hook}, which trainer.cuda_graphs=true does not"
                    " call at each step; leave one of them out"
                )
