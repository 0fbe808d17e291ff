"""The command that generates: what it writes, and what it refuses."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ssgan
from ssgan import sample
from tests.runs import TINY, train


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = tmp_path_factory.mktemp("run")
    train(run_dir, *TINY, "trainer.max_iterations=2")
    return run_dir


def call(monkeypatch: pytest.MonkeyPatch, *argv: object) -> int:
    """The exit status of the command."""
    monkeypatch.setattr(sys, "argv", ["sample", *map(str, argv)])
    try:
        sample.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_everything(run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    out = tmp_path / "out"
    extra = ("--single", "--interpolate", 3, "--pairs", 2, "--neighbours", 2, "--rows", 4)
    assert call(monkeypatch, run_dir, "--out", out, "--count", 6, "--seed", 7, "--grid", 3, *extra) == 0
    assert files(out) == {
        "grid.png", "interpolation.png", "interpolation.gif", "neighbours.png", "neighbours.csv",
        *(f"single/00{i}.png" for i in range(6)),
    }  # fmt: skip
    said = capfd.readouterr().out
    assert all(str(out / name) in said for name in ("grid.png", "single", "neighbours.csv")) and "test images" in said
    images = ssgan.load(run_dir).sample(6, seed=7)
    for i in range(6):
        with Image.open(out / "single" / f"00{i}.png") as image:
            assert np.array_equal(np.asarray(image), images[i, 0])
    with Image.open(out / "grid.png") as grid:
        assert grid.size == (3 * 66 + 2, 2 * 66 + 2)
    assert len((out / "neighbours.csv").read_text().splitlines()) == 1 + 4 * 2


def test_by_default_into_the_runs_folder(run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert call(monkeypatch, run_dir) == 0
    assert files(run_dir / "generated") == {"grid.png"}
    before = (run_dir / "generated" / "grid.png").read_bytes()
    assert call(monkeypatch, run_dir / "checkpoints" / "last.ckpt") == 0
    assert (tmp_path / "generated" / "grid.png").read_bytes() == before, "the same seed, the same picture"
    assert call(monkeypatch, run_dir, "--seed", 1) == 0
    assert (run_dir / "generated" / "grid.png").read_bytes() != before


@pytest.mark.parametrize(
    ("argv", "part"),
    [
        (["--count", 0], "--count"),
        (["--grid", 0], "--grid"),
        (["--seed", -1], "--seed"),
        (["--interpolate", 1], "--interpolate"),
        (["--interpolate", 3, "--pairs", 0], "--pairs"),
        (["--neighbours", 0], "--neighbours"),
        (["--neighbours", 5000], "5000"),
        (["--colour"], "--colour"),
    ],
)
def test_what_is_wrong_is_one_line(
    argv: list[object], part: str, run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
):  # fmt: skip
    assert call(monkeypatch, run_dir, "--out", tmp_path, *argv) == 2
    err = capfd.readouterr().err
    assert err.startswith("error: ") and err.count("\n") == 1 and part in err
    assert not files(tmp_path), "nothing is written"


def test_a_supervised_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    train(tmp_path, *TINY, "objective=supervised", "trainer.max_iterations=1")
    capfd.readouterr()
    assert call(monkeypatch, tmp_path) == 2
    err = capfd.readouterr().err
    assert err.count("\n") == 1 and "supervised run, it has no trained generator" in err
    assert not (tmp_path / "generated").exists()
