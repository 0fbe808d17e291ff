"""Iterations a second in the loggers."""

from __future__ import annotations

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ssgan.callbacks import throughput
from ssgan.callbacks.throughput import Throughput
from ssgan.errors import ConfigError
from tests.runs import TINY, metric_rows, train

RUN = (*TINY, "callbacks=throughput", "callbacks.throughput.every=4", "logger=[csv,tensorboard]", "trainer.log_every=2")


def test_it_is_the_iterations_by_the_seconds_between_two_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock:
        def __init__(self) -> None:
            self.seconds = iter([100.0, 102.0, 110.0, 110.5])

        def monotonic(self) -> float:
            return next(self.seconds)

    monkeypatch.setattr(throughput, "time", Clock())
    train(tmp_path / "run", *RUN, "trainer.max_iterations=12")
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    found = [(event.step, event.value) for event in events.Scalars("train/iterations_per_second")]
    assert found == [(4, 2.0), (8, 0.5), (12, 8.0)]
    assert not any("iterations_per_second" in key for row in metric_rows(tmp_path / "run") for key in row)


def test_it_has_to_be_positive() -> None:
    with pytest.raises(ConfigError, match=r"callbacks\.throughput\.every"):
        Throughput(every=0)
