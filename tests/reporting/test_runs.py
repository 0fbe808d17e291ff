"""Finding runs: finished, cut off, damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ssgan.errors import DataError
from ssgan.reporting.runs import find_runs
from ssgan.run_folder.status import RunStatus
from tests.reporting.fake_runs import write_run
from tests.runs import TINY, train


def test_runs_are_found_below_the_folders_and_once(tmp_path: Path) -> None:
    write_run(tmp_path / "a" / "x", 0.1)
    write_run(tmp_path / "b", 0.2)
    runs, incomplete = find_runs([tmp_path, tmp_path / "a"])
    assert sorted(run.error for run in runs) == [0.1, 0.2]
    assert incomplete == []


def test_names_tell_the_given_folders_apart(tmp_path: Path) -> None:
    write_run(tmp_path / "a" / "x", 0.1)
    write_run(tmp_path / "b" / "x", 0.2)
    assert [run.name for run in find_runs([tmp_path / "a", tmp_path / "b"])[0]] == ["a/x", "b/x"]
    assert [run.name for run in find_runs([tmp_path / "a"])[0]] == ["x"]
    assert [run.name for run in find_runs([tmp_path / "a" / "x"])[0]] == ["x"]


def test_a_run_without_a_result_is_incomplete_and_says_why(tmp_path: Path) -> None:
    for name in ("failed", "cut"):
        (tmp_path / name).mkdir()
    RunStatus("failed", 10, 40, 1.0, "the loss is nan").write(tmp_path / "failed")
    RunStatus("running", 30, 40, 1.0).write(tmp_path / "cut")
    (tmp_path / "silent" / ".hydra").mkdir(parents=True)
    damaged = write_run(tmp_path / "damaged", 0.1) / "result.json"
    damaged.write_text(damaged.read_text()[:20])
    runs, incomplete = find_runs([tmp_path])
    assert runs == []
    assert {run.name: (run.state, run.progress, run.reason) for run in incomplete} == {
        "failed": ("failed", "10 of 40 iterations", "the loss is nan"),
        "cut": ("running", "30 of 40 iterations", "cut off, or still at work"),
        "silent": ("unknown", "", "it has written no status"),
        "damaged": ("damaged", "", "its result.json cannot be read"),
    }


@pytest.mark.parametrize(
    ("key", "value"),
    [("test_error", "0.1"), ("test_error", None), ("seed", "one"), ("tricks", "none"), ("config", []), ("versions", 2)],
)
def test_a_result_of_wrong_types_is_a_damaged_one(tmp_path: Path, key: str, value: object) -> None:
    path = write_run(tmp_path / "run", 0.1) / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    runs, incomplete = find_runs([tmp_path])
    assert (runs, [run.state for run in incomplete]) == ([], ["damaged"])


@pytest.mark.parametrize("content", ["[]", "3", "null", "{}"])
def test_a_result_that_is_none_is_a_damaged_one(tmp_path: Path, content: str) -> None:
    (write_run(tmp_path / "run", 0.1) / "result.json").write_text(content)
    assert [run.state for run in find_runs([tmp_path])[1]] == ["damaged"]


def test_no_folder_and_no_run_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such folder"):
        find_runs([tmp_path / "none"])
    with pytest.raises(DataError, match="there is no run here"):
        find_runs([tmp_path])


def test_settings_leave_out_what_cannot_matter(tmp_path: Path) -> None:
    write_run(tmp_path / "a", 0.1, data__root="/here")
    write_run(tmp_path / "b", 0.1, data__root="/there", logger__csv=None)
    a, b = find_runs([tmp_path])[0]
    assert a.settings == b.settings
    assert "optim.lr" in a.settings


def test_a_callback_that_may_end_a_run_tells_runs_apart_and_one_that_watches_does_not(tmp_path: Path) -> None:
    targets = {
        "plain": {},
        "watched": {"samples": "ssgan.callbacks.SampleGrid", "rate": "lightning.pytorch.callbacks.LearningRateMonitor"},
        "ended": {"early": "lightning.pytorch.callbacks.EarlyStopping"},
    }
    for name, callbacks in targets.items():
        result = write_run(tmp_path / name, 0.1) / "result.json"
        content = json.loads(result.read_text())
        content["config"]["callbacks"] = {key: {"_target_": target} for key, target in callbacks.items()}
        result.write_text(json.dumps(content))
    plain, watched, ended = (find_runs([tmp_path / name])[0][0].settings for name in targets)
    assert plain == watched and plain != ended


def test_a_damaged_curve_is_no_curve(tmp_path: Path) -> None:
    (write_run(tmp_path / "a", 0.1) / "metrics.csv").write_text("step,test/error\nten,0.1\n")
    ((run,), _) = find_runs([tmp_path])
    assert run.curves == {}


def test_the_curve_of_an_ensemble_is_the_ensemble_s(tmp_path: Path) -> None:
    rows = "step,test/error,test/ensemble_error\n10,0.3,0.2\n20,0.2,0.1\n"
    (write_run(tmp_path / "a", 0.1) / "metrics.csv").write_text(rows)
    (write_run(tmp_path / "b", 0.1) / "metrics.csv").write_text("step,test/error\n10,0.3\n")
    curves = {run.name: run.curve("test/error") for run in find_runs([tmp_path])[0]}
    assert curves == {"a": {10: 0.2, 20: 0.1}, "b": {10: 0.3}}


def test_what_a_real_run_leaves_is_read(tmp_path: Path) -> None:
    options = ("logger=csv", "callbacks=samples", "trainer.max_iterations=4", "trainer.log_every=2")
    result = train(tmp_path / "run", *TINY, *options, "trick=label_smoothing")
    ((run,), incomplete) = find_runs([tmp_path])
    assert incomplete == []
    assert (run.error, run.tricks, run.supervised) == (result["test_error"], ("label_smoothing",), False)
    assert run.settings["trick.label_smoothing.alpha"] == "0.9"
    assert set(run.curves["train/d_loss"]) == {2, 4}
    assert run.curves["test/error"][4] == pytest.approx(result["test_error"])
    assert run.samples is not None and run.samples.suffix == ".png"


def test_a_log_of_which_a_power_cut_has_left_zeros_is_left_out(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "x", 0.1, curve=True)
    with (folder / "metrics.csv").open("ab") as file:
        file.write(b"\0" * 200_000)
    ((run,), incomplete) = find_runs([tmp_path])
    assert run.error == 0.1 and run.curve("train/d_loss") and not incomplete
