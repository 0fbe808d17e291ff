"""The command that exports a model."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from ssgan.export import main
from tests.runs import TINY, train


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    train(folder, *TINY, "trainer.max_iterations=3")
    return folder


def call(monkeypatch: pytest.MonkeyPatch, *argv: str) -> int:
    monkeypatch.setattr(sys, "argv", ["export", *argv])
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_all_that_can_be_written_is(
    run: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, str(run)) == 0
    names = {"classifier.pt2", "generator.pt2", "weights.pt", "model.json"}
    if importlib.util.find_spec("onnxscript"):
        names |= {"classifier.onnx", "generator.onnx"}
    assert {path.name for path in (run / "export").iterdir()} == names
    printed = capfd.readouterr()
    assert len(printed.out.splitlines()) == len(names) and printed.err == "", "the exporters' advice is left out"


def test_a_supervised_run_has_no_generator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(tmp_path / "run", *TINY, "trainer.max_iterations=2", "objective=supervised")
    assert call(monkeypatch, str(tmp_path / "run"), "--formats", "pt2") == 0
    assert [path.name for path in (tmp_path / "run" / "export").iterdir()] == ["classifier.pt2"]


def test_errors_are_one_line(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")
    assert call(monkeypatch, str(tmp_path / "nowhere"), "--out", out) == 2
    assert call(monkeypatch, str(run), "--formats", "onnx,tflite", "--out", out) == 2
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    assert call(monkeypatch, str(run), "--formats", "onnx", "--out", out) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 3
    assert "there is no checkpoint" in lines[0]
    assert "'tflite' is none of pt2, onnx, state_dict" in lines[1]
    assert "pip install 'ssgan[export]'" in lines[2]
    assert not Path(out).exists()
