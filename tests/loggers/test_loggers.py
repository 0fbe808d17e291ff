"""Loggers: what they hold, which there are, and that they leave no trace in the run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest
from lightning.pytorch.loggers import Logger

from ssgan.run import open_loggers
from tests.runs import TINY, TINY_MLP, assert_equal, last_checkpoint, metric_rows, train


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with the default loggers and callbacks."""
    run_dir = tmp_path_factory.mktemp("logged")
    every = ("trainer.log_every=2", "trainer.eval_every=3", "trainer.max_iterations=6")
    train(run_dir, "trainer=cpu", "data.batch_size=10", *TINY_MLP, *every, "data.num_val=10")
    return run_dir


def scalars(run_dir: Path) -> dict[tuple[str, int], list[float]]:
    """What TensorBoard reads: all values of a tag at a step."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run_dir / "tensorboard"))
    events.Reload()
    found: dict[tuple[str, int], list[float]] = {}
    for tag in events.Tags()["scalars"]:
        for event in events.Scalars(tag):
            found.setdefault((tag, event.step), []).append(event.value)
    return found


def test_both_default_loggers_have_the_same_rows_on_the_axis_of_iterations(logged: Path):
    terms = {"train/d_loss", "train/g_loss", "train/d_labelled", "train/d_unlabelled", "train/g_feature_matching"}
    expected = {(key, step) for key in terms | {"train/lr"} for step in (2, 4, 6)}
    expected |= {(f"{split}/error", step) for split in ("val", "test") for step in (3, 6)}
    rows = metric_rows(logged)
    table = {(key, int(row["step"])): value for row in rows for key, value in row.items() if key != "step"}
    assert set(table) == expected
    board = scalars(logged)
    assert set(board) >= expected
    for key, value in table.items():
        assert board[key][-1] == pytest.approx(value, rel=1e-5), key


def test_a_metric_has_one_value_at_an_iteration(logged: Path):
    pairs = [(key, row["step"]) for row in metric_rows(logged) for key in row if key != "step"]
    assert sorted(pairs) == sorted(set(pairs))
    assert {key: len(values) for key, values in scalars(logged).items() if len(values) > 1} == {}


def test_a_players_loss_is_the_sum_of_its_terms(logged: Path):
    rows = [row for row in metric_rows(logged) if "train/d_loss" in row]
    assert len(rows) == 3
    for row in rows:
        assert row["train/d_loss"] == pytest.approx(row["train/d_labelled"] + row["train/d_unlabelled"], rel=1e-5)
        assert row["train/g_loss"] == pytest.approx(row["train/g_feature_matching"], rel=1e-5)


def test_the_final_test_error_is_the_results(logged: Path):
    result = json.loads((logged / "result.json").read_text())
    last = [row for row in metric_rows(logged) if "test/error" in row][-1]
    assert last["test/error"] * 500 == pytest.approx(result["test_errors"], abs=1e-3)


def test_tensorboard_gets_the_samples(logged: Path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(logged / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Images("samples")] == [3, 6]


def test_without_loggers_there_are_no_logs(tmp_path: Path):
    train(tmp_path, *TINY, "trainer.max_iterations=1", "callbacks=none")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["result.json", "status.json"]


@pytest.mark.parametrize(("logger", "there"), [("csv", "metrics.csv"), ("tensorboard", "tensorboard")])
def test_a_single_logger(logger: str, there: str, tmp_path: Path):
    train(tmp_path, *TINY, "trainer.max_iterations=1", f"logger={logger}")
    both = {"metrics.csv", "tensorboard"}
    assert {path.name for path in tmp_path.iterdir()} & both == {there}


def test_logging_does_not_change_the_run(tmp_path: Path):
    """Neither loggers, pictures, progress nor evaluation touch the run's random state."""
    short = ("trainer=cpu", "data.batch_size=10", *TINY_MLP, "trainer.max_iterations=6", "data.augment.shift=1")
    loud = ("trainer.log_every=1", "trainer.eval_every=2", "trainer.checkpoint_every=1")
    train(tmp_path / "loud", *short, *loud)
    train(tmp_path / "quiet", *short, "callbacks=checkpoints", "logger=none")
    loud_state, quiet_state = (last_checkpoint(tmp_path / name) for name in ("loud", "quiet"))
    assert_equal(loud_state["state_dict"], quiet_state["state_dict"])
    assert_equal(loud_state["optimizer_states"], quiet_state["optimizer_states"])
    assert_equal(loud_state["ssgan"]["rng_state"], quiet_state["ssgan"]["rng_state"])


class Told(Logger):
    """A logger that wants to know how the run ended."""

    heard: ClassVar[list[BaseException | None]] = []
    name = version = "told"

    def __init__(self, fails: bool = False) -> None:
        super().__init__()
        self.fails = fails

    def log_metrics(self, metrics: Any, step: int | None = None) -> None: ...

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None: ...

    def finish_after(self, ended_by: BaseException | None) -> None:
        self.heard.append(ended_by)
        if self.fails:
            raise RuntimeError("it cannot be ended")


def test_loggers_that_ask_are_told_how_the_run_ended() -> None:
    nodes = {name: {"_target_": f"{Told.__module__}.Told"} for name in "ab"}
    Told.heard.clear()
    with open_loggers(nodes):
        assert Told.heard == []
    assert Told.heard == [None, None]
    with pytest.raises(KeyError, match="the run's"), open_loggers(nodes):
        raise KeyError("the run's")
    assert [type(error) for error in Told.heard[2:]] == [KeyError, KeyError]


def test_each_is_told_also_beside_one_that_fails() -> None:
    nodes = {name: {"_target_": f"{Told.__module__}.Told", "fails": name == "b"} for name in "abc"}
    Told.heard.clear()
    with pytest.raises(RuntimeError, match="it cannot be ended"), open_loggers(nodes):
        pass
    assert Told.heard == [None, None, None]


def test_what_ended_the_run_is_told_and_not_that_a_logger_could_not_be_ended(caplog: pytest.LogCaptureFixture) -> None:
    nodes = {"b": {"_target_": f"{Told.__module__}.Told", "fails": True}}
    with pytest.raises(KeyError, match="the run's"), open_loggers(nodes):
        raise KeyError("the run's")
    assert caplog.messages == ["a logger could not be ended: it cannot be ended"]
