"""status.json: written whole, read with patience."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback

from ssgan.errors import TrainingDiverged
from ssgan.run_folder.status import RunStatus, end_noted, read_status
from tests.runs import TINY, train


def test_what_is_written_is_read(tmp_path: Path) -> None:
    status = RunStatus("failed", 3, 10, 1.5, "a reason")
    status.write(tmp_path)
    assert read_status(tmp_path) == status
    assert [path.name for path in tmp_path.iterdir()] == ["status.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"state": "asleep"}', '{"state": "done", "unknown": 1}', "null"])
def test_a_file_that_is_no_status_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "status.json").write_text(text)
    assert read_status(tmp_path) is None


def test_no_folder_is_no_status(tmp_path: Path) -> None:
    assert read_status(tmp_path / "missing") is None


@pytest.mark.parametrize(
    ("status", "fraction"),
    [(RunStatus("running", 5, 10), 0.5), (RunStatus("running"), 0.0), (RunStatus("done", 0, 0), 1.0)],
)
def test_the_done_part(status: RunStatus, fraction: float) -> None:
    assert status.fraction == fraction


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    RunStatus("running").write(tmp_path)
    stop = threading.Event()

    def write() -> None:
        i = 0
        while not stop.is_set():
            i += 1
            RunStatus("running", i, 10**6, error="x" * (i % 5000)).write(tmp_path)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(300):
            assert json.loads((tmp_path / "status.json").read_text())["state"] == "running"
    finally:
        stop.set()
        writer.join()


def test_the_end_of_a_run_from_python_is_noted(tmp_path: Path) -> None:
    class Failing(Callback):
        def on_train_batch_end(self, *_: Any) -> None:
            raise ZeroDivisionError("of the user's")

    with pytest.raises(ZeroDivisionError):
        train(tmp_path, *TINY, "trainer.max_iterations=3", callbacks=[Failing()])
    status = read_status(tmp_path)
    assert status is not None
    assert (status.state, status.iteration, status.error) == ("failed", 1, "ZeroDivisionError: of the user's")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TrainingDiverged("the loss is nan"), "the loss is nan"),
        (OSError(28, "No space left on device"), "[Errno 28] No space left on device"),
        (ValueError("no"), "ValueError: no"),
        (KeyboardInterrupt(), None),
    ],
)
def test_the_user_s_errors_are_noted_without_their_kind(error: BaseException, said: str | None, tmp_path: Path) -> None:
    with pytest.raises(type(error)), end_noted(tmp_path):
        RunStatus("running", 3, 9).write(tmp_path)
        raise error
    status = read_status(tmp_path)
    assert status is not None and status.error == said


@pytest.mark.parametrize(("error", "state"), [(ValueError("no"), "failed"), (KeyboardInterrupt(), "interrupted")])
def test_only_this_process_s_run_is_noted(error: BaseException, state: str, tmp_path: Path) -> None:
    with pytest.raises(type(error)), end_noted(tmp_path):
        raise error
    assert read_status(tmp_path) is None, "it had not begun"
    other = RunStatus("running", 3, 9, pid=os.getpid() + 1)
    other.write(tmp_path)
    with pytest.raises(type(error)), end_noted(tmp_path):
        raise error
    assert read_status(tmp_path) == other
    with pytest.raises(type(error)), end_noted(tmp_path):
        RunStatus("running", 3, 9).write(tmp_path)
        raise error
    status = read_status(tmp_path)
    assert status is not None and (status.state, status.iteration) == (state, 3)
