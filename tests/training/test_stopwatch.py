"""Seconds of training."""

from __future__ import annotations

import pytest

from ssgan.training.stopwatch import Stopwatch


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr("ssgan.training.stopwatch.time.monotonic", lambda: now[0])
    return now


def test_it_counts_while_it_runs_and_on_from_what_was_before(clock: list[float]) -> None:
    watch = Stopwatch()
    assert watch.seconds == 0 and not watch.started
    watch.earlier = 5.0
    watch.start()
    clock[0] += 3
    assert watch.seconds == 8 and watch.started
    watch.stop()
    clock[0] += 100
    watch.stop()
    assert watch.seconds == 8 and watch.started
    watch.start()
    clock[0] += 1
    assert watch.seconds == 9


def test_a_second_start_loses_nothing(clock: list[float]) -> None:
    watch = Stopwatch()
    watch.start()
    clock[0] += 2
    watch.start()
    clock[0] += 2
    assert watch.seconds == 4
