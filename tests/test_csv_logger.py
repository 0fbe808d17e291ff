"""metrics.csv goes on where an interrupted run stopped."""

from __future__ import annotations

from pathlib import Path

from ssgan.csv_logger import ResumableCSVLogger
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


def test_an_empty_file_of_an_earlier_run(tmp_path: Path):
    (tmp_path / "metrics.csv").touch()
    log(tmp_path, (1, {"a": 1.0}))
    assert metric_rows(tmp_path) == [{"step": 1, "a": 1.0}]


def test_a_logger_that_logs_nothing_leaves_the_earlier_rows(tmp_path: Path):
    log(tmp_path, (1, {"a": 1.0}))
    log(tmp_path)
    assert metric_rows(tmp_path) == [{"step": 1, "a": 1.0}]
