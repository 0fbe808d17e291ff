"""The command that measures trained models."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ssgan
from ssgan.evaluate import main
from tests.data.painted import paint, paint_folder
from tests.runs import TINY, train

RUN = (*TINY, "trainer.max_iterations=30")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    for seed in (1, 2):
        train(folder / str(seed), *RUN, f"data.seed={seed}")
    train(folder / "other", *TINY, "trainer.max_iterations=1", "model=mlp", "data=arrays", f"data.path={other(folder)}")
    train(folder / "unlabelled", *TINY, "trainer.max_iterations=1", "objective=unlabelled")
    (folder / "1.npz").write_text("no archive")
    with pytest.MonkeyPatch.context() as patch:
        assert call(patch, folder / "other", "--out", folder / "other") == 0
    return [folder / "1", folder / "2", folder / "other"]


def other(folder: Path) -> Path:
    """Another data set."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (60, 8, 8), dtype=np.uint8), np.arange(60) % 2
    np.savez(folder / "other.npz", x_train=x, y_train=y, x_test=x[:20], y_test=y[:20])
    return folder / "other.npz"


def call(monkeypatch: pytest.MonkeyPatch, *argv: str | Path) -> int:
    monkeypatch.setattr(sys, "argv", ["evaluate", *map(str, argv)])
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_a_run_s_error_is_the_one_it_reported(
    runs: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, runs[0]) == 0
    written = json.loads((runs[0] / "evaluation" / "evaluation.json").read_text())
    own = json.loads((runs[0] / "result.json").read_text())
    (run,) = written["runs"]
    assert (run["test_errors"], run["test_size"]) == (own["test_errors"], own["test_size"])
    assert (run["seed"], run["data_seed"]) == (1, 1)
    assert f"{own['test_errors']} of 500" in capsys.readouterr().out
    for name in ("confusion", "reliability", "mistakes"):
        with Image.open(runs[0] / "evaluation" / f"{name}.png") as picture:
            assert min(picture.size) > 150
    assert not list((runs[0] / "evaluation").glob(".*")), "nothing half-written is left"


def test_several_runs_are_an_ensemble(
    runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, *runs[:2], "--out", tmp_path / "e") == 0
    written = json.loads((tmp_path / "e" / "evaluation.json").read_text())
    models = [ssgan.load(run) for run in runs[:2]]
    data = models[0].images()
    mean = sum(model.logits(data.x_test).softmax(1) for model in models) / 2
    assert written["ensemble"]["test_errors"] == int((mean.argmax(1) != data.y_test).sum())
    errors = torch.tensor([100 * run["test_error"] for run in written["runs"]])
    assert f"{errors.mean():.2f} ± {errors.std():.2f}" in capsys.readouterr().out


def test_a_model_named_twice_is_one_member(runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    last = runs[0] / "checkpoints" / "last.ckpt"
    assert call(monkeypatch, runs[0], f"{runs[0]}/", last, "--out", tmp_path / "e") == 0
    written = json.loads((tmp_path / "e" / "evaluation.json").read_text())
    assert len(written["runs"]) == 1 and "ensemble" not in written


def test_a_run_s_folder_may_be_called_like_a_file(
    runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(runs[0], tmp_path / "run.npz")
    assert call(monkeypatch, tmp_path / "run.npz") == 0


def test_other_images_than_those_of_the_training_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = other(tmp_path)
    arrays = f"data.path={path}"
    train(tmp_path / "run", *TINY, "trainer.max_iterations=1", "model=mlp", "data=arrays", arrays)
    assert call(monkeypatch, tmp_path / "run") == 0
    with np.load(path) as file:
        changed = {**file, "x_test": file["x_test"][::-1]}
    np.savez(path, **changed)
    assert call(monkeypatch, tmp_path / "run") == 0
    said = [record.getMessage() for record in caplog.records if record.name.startswith("ssgan")]
    assert said == [
        f"{tmp_path / 'run' / 'checkpoints' / 'last.ckpt'}: the data set has other images or labels now than it had for"
        " the training"
    ]


def test_a_test_set_taken_from_changed_images_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = paint_folder(tmp_path / "images")
    (root / "test").rename(tmp_path / "test")
    folder = ("data=folder", f"data.path={root}", "data.num_test=2", "data.batch_size=2", "data.image_size=8")
    train(tmp_path / "run", *TINY, "trainer.max_iterations=1", "model=mlp_small", *folder)
    assert call(monkeypatch, tmp_path / "run") == 0
    assert json.loads((tmp_path / "run" / "evaluation" / "evaluation.json").read_text())["runs"][0]["test_size"] == 2
    paint(root / "cat" / "more.png", (240, 0, 0))
    capsys.readouterr()
    assert call(monkeypatch, tmp_path / "run") != 0
    assert "of which data.num_test=2 would now take some for the test" in capsys.readouterr().err


def test_files_of_probabilities_take_the_place_of_runs(
    runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, run in enumerate(runs[:2]):
        assert call(monkeypatch, run, "--out", tmp_path / str(number)) == 0
    assert call(monkeypatch, *runs[:2], "--out", tmp_path / "of_runs") == 0
    files = [tmp_path / str(number) / "probabilities.npz" for number in range(2)]
    assert call(monkeypatch, *files, "--out", tmp_path / "of_files") == 0
    assert call(monkeypatch, runs[0], files[1], "--out", tmp_path / "of_both") == 0
    reports = {}
    for of in ("of_runs", "of_files", "of_both"):
        reports[of] = json.loads((tmp_path / of / "evaluation.json").read_text())
        for run in reports[of]["runs"]:
            del run["run"]  # its name
    assert reports["of_files"] == reports["of_runs"] == reports["of_both"]
    assert not (tmp_path / "of_files" / "mistakes.png").exists(), "files hold no images"
    assert (tmp_path / "of_both" / "mistakes.png").exists()
    assert call(monkeypatch, tmp_path / "of_runs" / "probabilities.npz", "--out", tmp_path / "again") == 0
    again = json.loads((tmp_path / "again" / "evaluation.json").read_text())["runs"][0]
    assert again["test_errors"] == reports["of_runs"]["ensemble"]["test_errors"]
    capsys.readouterr()


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["{0}", "{2}"], "has other test images or classes than"),
        (["{0}", "{2}/probabilities.npz"], "has other test images or classes than"),
        (["{0}/../unlabelled"], "was trained without labels: D has not learned the classes"),
        (["/nowhere"], "there is no checkpoint"),
        (["/nowhere.npz"], "/nowhere.npz: there is no such file"),
        (["{2}/../other.npz"], "not a file of probabilities that ssgan.evaluate has written"),
        (["{2}/probabilities.npz", "--out", "{2}"], "would be overwritten by its ensemble's: name another folder"),
        (["{0}/../1.npz"], "not a file of probabilities that ssgan.evaluate has written"),
        (["{0}", "--data", "elsewhere"], "--data=elsewhere: data=digits lies in no folder; leave --data out"),
        (["{0}", "--level", "95"], "--level=95.0: must be between 0 and 1"),
        (["{0}", "--batch-size", "0"], "--batch-size=0: must be greater than 0"),
    ],
)
def test_errors_are_one_line(
    argv: list[str],
    line: str,
    runs: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = [] if "--out" in argv else ["--out", tmp_path / "e"]
    assert call(monkeypatch, *(a.format(*runs) for a in argv), *out) == 2
    (told,) = capsys.readouterr().err.strip().splitlines()
    assert line in told
    assert not (tmp_path / "e").exists()
