"""The command that predicts: its table, what it says, and what it refuses."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

import ssgan
from ssgan import predict
from tests.fake_data import write_arrays
from tests.inference.models import random_images
from tests.runs import QUIET, REPOSITORY, TINY_MLP, train

CLASSES = [f'class, "{k}" ä' for k in range(10)]


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of 16×16 RGB images with names that a CSV has to quote."""
    root = tmp_path_factory.mktemp("run")
    write_arrays(root / "data.npz", classes=CLASSES)
    data = ("data=arrays", f"data.path={root / 'data.npz'}", "model=mlp_small", "optim=digits")
    train(root / "run", *QUIET, *data, *TINY_MLP, "trainer.max_iterations=2")
    return root / "run"


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The present folder with four images, one of them of no use."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for i, pixels in enumerate(random_images(3, (3, 20, 16))):
        Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(tmp_path / "photos" / f"{i}.png")
    (tmp_path / "photos" / "bad.png").write_text("text")
    return tmp_path


def call(monkeypatch: pytest.MonkeyPatch, *argv: object) -> int:
    """The exit status of the command."""
    monkeypatch.setattr(sys, "argv", ["predict", *map(str, argv)])
    try:
        predict.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_a_table(run_dir: Path, images: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    assert call(monkeypatch, run_dir, "photos", "--out", "new/out.csv", "--batch-size", 2, "--workers", 1) == 1
    written = capfd.readouterr()
    assert written.out == "3 predictions in new/out.csv\n"
    assert written.err == "1 of 4 files could not be read:\n  photos/bad.png: not an image\n"
    rows = list(csv.DictReader(Path("new/out.csv").read_text(encoding="utf-8").splitlines()))
    expected = ssgan.load(run_dir).predict([f"photos/{i}.png" for i in range(3)])
    assert [row["file"] for row in rows] == [f"photos/{i}.png" for i in range(3)]
    assert [row["label"] for row in rows] == expected.names
    for k, name in enumerate(CLASSES):
        probabilities = [float(row[f"p({name})"]) for row in rows]
        assert probabilities == pytest.approx(expected.probabilities[:, k].tolist(), abs=1e-5)
    assert [float(row["realness"]) for row in rows] == pytest.approx(expected.realness.tolist(), abs=1e-5)
    assert [path.name for path in Path("new").iterdir()] == ["out.csv"]


def test_json_lines_to_the_standard_output(
    run_dir: Path, images: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    assert call(monkeypatch, run_dir, "photos/[12].png", "--format", "jsonl", "--device", "cpu") == 0
    rows = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [row["file"] for row in rows] == ["photos/1.png", "photos/2.png"]
    assert all(list(row["probabilities"]) == CLASSES for row in rows)


@pytest.mark.parametrize(
    ("argv", "parts", "status"),
    [
        (["RUN", "photos/bad.png", "gone.png", "--out", "x.csv"], ["bad.png (not an image)", "gone.png (No such"], 1),
        (["RUN", "photos", "--out", "x.txt"], ["x.txt", "--format"], 2),
        (["RUN", "photos", "--batch-size", "0"], ["--batch-size", "greater than 0"], 2),
        (["RUN", "photos", "--workers", "0"], ["--workers", "greater than 0"], 2),
        (["RUN", "photos", "--device", "tpu9"], ["tpu9"], 2),
        (["RUN", "photos", "--wrong"], ["--wrong", "--help"], 2),
        (["RUN"], ["IMAGES"], 2),
        (["nowhere", "photos"], ["nowhere", "no checkpoint"], 2),
        (["RUN", "empty"], ["empty", "no images"], 1),
        (["photos/0.png", "photos"], ["0.png", "not a whole checkpoint"], 2),
    ],
)
def test_what_is_wrong_is_one_line_and_leaves_nothing(
    argv: list[str], parts: list[str], status: int, run_dir: Path, images: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
):  # fmt: skip
    Path("empty").mkdir()
    before = sorted(Path().rglob("*"))
    assert call(monkeypatch, *(str(run_dir) if word == "RUN" else word for word in argv)) == status
    err = capfd.readouterr().err
    assert err.startswith("error: ") and err.count("\n") == 1, err
    assert [part for part in parts if part not in err] == [], err
    assert sorted(Path().rglob("*")) == before


def test_files_in_folders_that_are_no_images_by_their_ending_are_said(
    run_dir: Path, images: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    Path("mixed").mkdir()
    for name in ("a.heic", "b.HEIC", "notes.txt"):
        (Path("mixed") / name).touch()
    Path("photos/0.png").rename("mixed/0.png")
    assert call(monkeypatch, run_dir, "mixed", "--out", "x.csv") == 0
    said = "left out files that are no images by their ending: 2 .heic, 1 .txt; convert .heic files to JPEG"
    assert capfd.readouterr().err.splitlines() == [said]


def test_labels_of_a_model_that_learned_from_none_are_told_to_mean_nothing(
    tmp_path: Path, images: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    train(tmp_path / "unlabelled", *QUIET, *TINY_MLP, "objective=unlabelled", "trainer.max_iterations=1")
    assert not ssgan.load(tmp_path / "unlabelled").knows_classes
    capfd.readouterr()
    assert call(monkeypatch, tmp_path / "unlabelled", "photos/1.png") == 0
    written = capfd.readouterr()
    assert written.err == f"{tmp_path / 'unlabelled'} was trained without labels: only realness means something\n"
    assert written.out.startswith("file,label,")


def test_the_reader_may_stop_early(run_dir: Path, images: Path):
    head = f"{sys.executable} -m ssgan.predict {run_dir} photos/0.png photos/1.png | true"
    done = subprocess.run(["bash", "-c", head], capture_output=True, text=True, env=environment(), check=False)
    assert done.stderr == ""


def test_help_and_wrong_flags_answer_without_torch(images: Path):
    code = (
        "import sys; sys.argv = ['predict', *sys.argv[1:]]; from ssgan.predict import main\n"
        "try: main()\nfinally: assert 'torch' not in sys.modules"
    )
    for argv, status, said in ((["--help"], 0, "realness"), (["--wrong", "a", "b"], 2, "--wrong")):
        done = subprocess.run(
            [sys.executable, "-c", code, *argv], capture_output=True, text=True, env=environment(), check=False
        )
        assert done.returncode == status and said in done.stdout + done.stderr, done.stderr
        assert "Traceback" not in done.stderr


def environment() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": str(torch.get_num_threads())}
