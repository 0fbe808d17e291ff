"""metrics.csv goes on where an interrupted run stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

from ssgan.loggers import csv_logger
from ssgan.loggers.csv_logger import ResumableCSVLogger
from tests.runs import metric_rows


def log(folder: Path, *rows: tuple[int, dict[str, float]]) -> None:
    logger = ResumableCSVLogger(str(folder))
    for step, metrics in rows:
        logger.log_metrics(metrics, step)
    logger.finalize("success")


def test_rows_are_on_disk_as_soon_as_they_are_logged(tmp_path: Path):
    logger = ResumableCSVLogger(str(tmp_path))
    logger.log_metrics({"a": 1.5}, 3)
    assert metric_rows(tmp_path) == [{"step": 3, "a": 1.5}]
    logger.log_metrics({"b": 2.5}, 4)
    assert metric_rows(tmp_path) == [{"step": 3, "a": 1.5}, {"step": 4, "b": 2.5}]


def test_another_run_goes_on_and_replaces_what_it_repeats(tmp_path: Path):
    log(tmp_path, (1, {"a": 1.0}), (2, {"a": 2.0}), (2, {"error": 0.5}), (3, {"a": 3.0}))
    log(tmp_path, (2, {"a": 20.0}), (2, {"error": 0.25}), (3, {"a": 30.0}), (4, {"a": 40.0}))
    assert metric_rows(tmp_path) == [
        {"step": 1, "a": 1.0},
        {"step": 2, "a": 20.0},
        {"step": 2, "error": 0.25},
        {"step": 3, "a": 30.0},
        {"step": 4, "a": 40.0},
    ]


def test_a_column_that_only_the_later_run_has(tmp_path: Path):
    log(tmp_path, (1, {"a": 1.0}))
    log(tmp_path, (2, {"b": 2.0}))
    assert metric_rows(tmp_path) == [{"step": 1, "a": 1.0}, {"step": 2, "b": 2.0}]


def test_a_row_that_the_crash_cut_off_does_not_stop_the_resumed_run(tmp_path: Path):
    log(tmp_path, (1, {"a": 1.0, "b": 2.0}), (2, {"a": 1.0, "b": 2.0}))
    path = tmp_path / "metrics.csv"
    path.write_text(path.read_text().rstrip("\n")[:-4])
    log(tmp_path, (2, {"a": 3.0, "b": 4.0}))
    assert metric_rows(tmp_path) == [{"step": 1, "a": 1.0, "b": 2.0}, {"step": 2, "a": 3.0, "b": 4.0}]


@pytest.mark.parametrize("kept", range(12, 45))
def test_no_byte_is_a_bad_one_to_be_cut_off_at(kept: int, tmp_path: Path):
    log(tmp_path, (1, {"a": 1.0, "b": 2.0}), (2, {"a": 1.0, "b": 2e-05}), (3, {"a": 1.0, "b": -2.0}))
    path = tmp_path / "metrics.csv"
    path.write_bytes(path.read_bytes()[:kept])
    log(tmp_path, (2, {"a": 3.0, "b": 4.0}))
    assert metric_rows(tmp_path)[-1] == {"step": 2, "a": 3.0, "b": 4.0} and len(metric_rows(tmp_path)) <= 2


def test_a_run_that_was_killed_before_its_first_row_loses_nothing(tmp_path: Path):
    log(tmp_path, (1, {"a": 1.0}), (2, {"a": 2.0}))
    assert ResumableCSVLogger(str(tmp_path)).experiment, "made, and never used"
    log(tmp_path, (2, {"a": 20.0}))
    assert metric_rows(tmp_path) == [{"step": 1, "a": 1.0}, {"step": 2, "a": 20.0}]


def test_another_kind_of_row_of_the_step_at_which_it_goes_on_stays(tmp_path: Path):
    """The final test may be all that is left to do, at the step of the last row of losses."""
    log(tmp_path, (4, {"loss": 1.0}), (4, {"error": 0.5}))
    log(tmp_path, (4, {"error": 0.25}))
    assert metric_rows(tmp_path) == [{"step": 4, "loss": 1.0}, {"step": 4, "error": 0.25}]


def test_a_row_costs_the_same_however_many_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    rewritten = []
    plain = csv_logger._Writer._replace
    monkeypatch.setattr(csv_logger._Writer, "_replace", lambda self, rows: (rewritten.append(1), plain(self, rows)))
    log(tmp_path, *((step, {"a": 1.0}) for step in range(200)))
    assert len(rewritten) == 0
    log(tmp_path, *((step, {"a": 1.0}) for step in range(100, 300)))
    assert len(rewritten) == 1, "once, where the resumed run begins"


def test_an_empty_file_of_an_earlier_run(tmp_path: Path):
    (tmp_path / "metrics.csv").touch()
    log(tmp_path, (1, {"a": 1.0}))
    assert metric_rows(tmp_path) == [{"step": 1, "a": 1.0}]


def test_a_logger_that_logs_nothing_leaves_the_earlier_rows(tmp_path: Path):
    log(tmp_path, (1, {"a": 1.0}))
    log(tmp_path)
    assert metric_rows(tmp_path) == [{"step": 1, "a": 1.0}]


def test_what_a_power_cut_has_left_does_not_stop_the_resumed_run(tmp_path: Path):
    """Zeros, more of them than csv takes for a field."""
    log(tmp_path, (1, {"a": 1.0}), (2, {"a": 2.0}))
    with (tmp_path / "metrics.csv").open("ab") as file:
        file.write(b"\0" * 200_000)
    log(tmp_path, (3, {"a": 3.0}))
    assert [row["step"] for row in metric_rows(tmp_path)] == [1, 2, 3]
