"""The status of a run, from its start to its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning as L
import pytest

from ssgan.callbacks import StatusFile
from ssgan.run_folder.status import RunStatus, read_status
from tests.runs import TINY, last_checkpoint, train


class Watch(L.Callback):
    """Reads the status after each iteration."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self.seen: list[RunStatus | None] = []

    def on_train_batch_end(self, *_: Any) -> None:
        self.seen.append(read_status(self.run_dir))


def test_a_run_tells_how_far_it_is_and_that_it_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    init = StatusFile.__init__
    monkeypatch.setattr(StatusFile, "__init__", lambda self, run_dir, every=0.0: init(self, run_dir, 0.0))
    watch = Watch(tmp_path)
    result = train(tmp_path, *TINY, "trainer.max_iterations=5", callbacks=[watch])
    assert [(s.state, s.iteration, s.iterations) for s in watch.seen if s] == [("running", i, 5) for i in range(1, 6)]
    status = read_status(tmp_path)
    assert status is not None
    assert (status.state, status.iteration, status.iterations, status.error) == ("done", 5, 5, None)
    assert status.seconds == result["seconds"]


def test_a_resumed_runs_seconds_are_those_of_the_whole_training(tmp_path: Path) -> None:
    train(tmp_path, *TINY, "trainer.max_iterations=5")
    before = last_checkpoint(tmp_path)["ssgan"]["seconds"]
    watch = Watch(tmp_path)
    again = f"ckpt_path='{tmp_path / 'checkpoints' / 'last.ckpt'}'"
    second = train(tmp_path, *TINY, "trainer.max_iterations=8", again, callbacks=[watch])
    assert [round(before, 3) <= s.seconds <= second["seconds"] for s in watch.seen if s] == [True] * 3


def test_it_is_not_written_at_every_iteration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    init = StatusFile.__init__
    monkeypatch.setattr(StatusFile, "__init__", lambda self, run_dir: init(self, run_dir, every=1000.0))
    watch = Watch(tmp_path)
    train(tmp_path, *TINY, "trainer.max_iterations=5", callbacks=[watch])
    assert [s.iteration for s in watch.seen if s] == [0] * 5
