"""The report on a terminal: its tables, what is incomplete, and where the files are."""

from __future__ import annotations

from pathlib import Path

import pytest

from ssgan.reporting.groups import group
from ssgan.reporting.report import write_report
from ssgan.reporting.runs import IncompleteRun, find_runs
from ssgan.reporting.terminal import show
from tests.reporting.fake_runs import write_run


def test_the_terminal_names_a_folder_with_brackets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "a[old][" / "b]"
    write_run(folder / "run", 0.1)
    runs, incomplete = find_runs([folder])
    sections = group(runs)
    show(sections, incomplete, write_report(folder / "report", "Title", sections, incomplete))
    assert str(folder / "report") in capsys.readouterr().out


def test_each_configuration_is_a_row_beside_the_baseline_and_the_repeated_are_said(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("first", "again"):
        write_run(tmp_path / name, 0.2, ("label_smoothing",))
    (several, *_) = group(find_runs([runs])[0])
    (repeated,) = group(find_runs([tmp_path])[0])
    files = [tmp_path / "index.html", tmp_path / "runs.csv", tmp_path / "summary.csv"]
    show([several, repeated], [IncompleteRun("a [b]", "failed", "3 of 9 iterations", "[red]why")], files)
    printed = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    assert "1 run with the seeds of others not counted" in lines
    assert "incomplete: a [b] failed 3 of 9 iterations [red]why" in lines
    assert lines[-1] == f"{tmp_path / 'index.html'} and 2 more files in {tmp_path}"
    heads = [line for line in lines if line.startswith("configuration n ")]
    assert heads[0] == "configuration n test error, % against none, points seconds iterations/s"
    assert heads[1] == "configuration n test error, % seconds iterations/s"
    assert "label_smoothing 1 20.00 3.0 10.0" in lines and "none 2 5.50 ± 0.71 3.5 15.0" in lines, lines
