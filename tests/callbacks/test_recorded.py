"""Callbacks that a recorded CUDA graph would leave out."""

from __future__ import annotations

import lightning as L
import pytest
from lightning.pytorch.callbacks import LearningRateMonitor

from ssgan.callbacks.recorded import INSIDE_A_STEP, check_recorded
from ssgan.errors import ConfigError


class AtBatchEnd(L.Callback):
    def on_train_batch_end(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("hook", INSIDE_A_STEP)
def test_a_callback_inside_the_step_is_refused_with_graphs_alone(hook: str) -> None:
    inside = type("Inside", (AtBatchEnd,), {hook: lambda self, *_: None})
    inherits = type("Inherits", (inside,), {})
    check_recorded([AtBatchEnd(), LearningRateMonitor(), inside()], cuda_graphs=False)
    check_recorded([AtBatchEnd(), LearningRateMonitor()], cuda_graphs=True)
    for callback in (inside(), inherits()):
        with pytest.raises(ConfigError, match=f"{type(callback).__name__} waits for {hook}"):
            check_recorded([AtBatchEnd(), callback], cuda_graphs=True)
