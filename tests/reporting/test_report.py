"""The report as a whole: its files, of what they are made, and that they are the same each time."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ssgan.reporting.groups import group
from ssgan.reporting.report import write_report
from ssgan.reporting.runs import find_runs
from ssgan.reporting.terminal import show
from tests.reporting.fake_runs import rows, write_results


def test_errors_on_held_out_labels_are_in_the_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sections = group(find_runs([write_results(tmp_path / "runs", (0.1, 0.1), val_error=(0.25, 0.35))])[0])
    (tmp_path / "out").mkdir()
    files = write_report(tmp_path / "out", "Title", sections, [])
    show(sections, [], files)
    printed = capsys.readouterr().out
    assert "held-out error, %" in printed and re.search(r"10\.00 ± 0\.00 +30\.00 ", printed)
    assert [float(row["val_error"]) for row in rows(tmp_path / "out" / "runs.csv")] == [0.25, 0.35]
    assert [float(row["val_error_mean"]) for row in rows(tmp_path / "out" / "summary.csv")] == [0.3]
    assert "| 10.00 ± 0.00 | 30.00 |" in (tmp_path / "out" / "report.md").read_text()
    assert "& 30.00" in (tmp_path / "out" / "report.tex").read_text()
    assert '<td data-value="0.3">30.00</td>' in (tmp_path / "out" / "index.html").read_text()


def test_a_report_is_the_same_each_time(runs: Path, report: Path, tmp_path: Path) -> None:
    finished, incomplete = find_runs([runs])
    write_report(tmp_path, "A title & more", group(finished), incomplete)
    for path in report.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_a_report_of_incomplete_runs_alone(tmp_path: Path) -> None:
    (tmp_path / "runs" / "cut" / ".hydra").mkdir(parents=True)
    finished, incomplete = find_runs([tmp_path / "runs"])
    write_report(tmp_path / "out", "cut", group(finished), incomplete)
    assert "it has written no status" in (tmp_path / "out" / "index.html").read_text()
