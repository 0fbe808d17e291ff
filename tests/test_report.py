"""The report's command."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ssgan.report import main
from tests.reporting.fake_runs import write_run


def call(monkeypatch: pytest.MonkeyPatch, *argv: str) -> int:
    monkeypatch.setattr(sys, "argv", ["report", *argv])
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_a_sweep_is_reported_into_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in (1, 2):
        write_run(tmp_path / "sweep" / f"n{seed}", 0.1, (), seed)
        write_run(tmp_path / "sweep" / f"f{seed}", 0.05, ("feature_matching",), seed)
    (tmp_path / "sweep" / "cut" / ".hydra").mkdir(parents=True)
    assert call(monkeypatch, str(tmp_path / "sweep")) == 0
    printed = capsys.readouterr().out
    assert "5.00 ± 0.00" in printed and "−5.00 [−5.00, −5.00]" in printed
    assert "incomplete: cut" in printed
    assert (tmp_path / "sweep" / "report" / "index.html").is_file()
    first = (tmp_path / "sweep" / "report" / "summary.csv").read_text()
    assert call(monkeypatch, str(tmp_path / "sweep")) == 0, "its own files are no runs"
    assert (tmp_path / "sweep" / "report" / "summary.csv").read_text() == first


def test_errors_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, str(tmp_path / "nowhere")) != 0
    assert call(monkeypatch, "--wrong") != 0
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 2
    assert "there is no such folder of runs" in lines[0] and "--help" in lines[1]
    assert not (tmp_path / "nowhere").exists()
