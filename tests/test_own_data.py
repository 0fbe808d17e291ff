"""A user's own images, from files to predictions: few labels, many images without, formats and modes in a jumble."""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from ssgan import predict, sample
from tests.runs import command
from tests.shape_files import CLASSES, KINDS, write_shapes

PER_CLASS = {"labelled": 10, "unlabelled": 75, "test": 15, "new": 30}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("own") / "photos"
    for k, label in enumerate(CLASSES):
        write_shapes(root / label, label, PER_CLASS["labelled"], seed=k)
        write_shapes(root / "unlabelled" / f"box {k}", label, PER_CLASS["unlabelled"], seed=10 + k)
        write_shapes(root / "test" / label, label, PER_CLASS["test"], seed=20 + k)
        write_shapes(root.parent / "new", label, PER_CLASS["new"], seed=30 + k)
    (root / "unlabelled" / ".DS_Store").touch()
    (root.parent / "new" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    return root


def test_the_files_are_a_jumble(photos: Path):
    modes: Counter[str] = Counter()
    sizes = set()
    for path in photos.rglob("*.*"):
        if path.is_file() and not path.name.startswith("."):
            with Image.open(path) as image:
                modes[f"{image.format} {image.mode}"] += 1
                sizes.add(image.size)
    assert len(sizes) > 100
    assert set(modes) >= {
        "PNG RGB", "PNG RGBA", "PNG P", "PNG L", "PNG LA", "PNG I;16", "JPEG RGB", "JPEG L", "JPEG CMYK",
        "WEBP RGB", "WEBP RGBA", "TIFF RGB", "TIFF I;16", "GIF P", "BMP RGB",
    }  # fmt: skip


def test_train_and_predict(photos: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    monkeypatch.chdir(photos.parent)
    small = ("model=mlp_small", "optim=digits", "data.image_size=12", "trainer=cpu", "trainer.max_iterations=300",
             "callbacks=checkpoints", "logger=none")  # fmt: skip
    assert command("data=folder", "data.path=photos", *small, "hydra.run.dir=run") == 0, capfd.readouterr().err
    result = json.loads(Path("run/result.json").read_text())
    assert (result["num_labels"], result["num_unlabelled"], result["test_size"]) == (30, 30 + 225, 45)

    monkeypatch.setattr(sys, "argv", ["predict", "run", "new", "--out", "predictions.csv"])
    with pytest.raises(SystemExit) as end:
        predict.main()
    assert end.value.code == 1
    err = capfd.readouterr().err
    assert "1 of 91 files could not be read" in err and "new/broken.jpg" in err
    rows = list(csv.DictReader(Path("predictions.csv").read_text().splitlines()))
    assert len(rows) == 90
    right: Counter[str] = Counter()
    for row in rows:
        truth = next(label for label in CLASSES if Path(row["file"]).name.startswith(label))
        kind = Path(row["file"]).stem.removeprefix(truth).split()[1]
        assert kind in KINDS
        right[kind] += row["label"] == truth
        assert sum(float(row[f"p({label})"]) for label in CLASSES) == pytest.approx(1, abs=1e-4)
        assert 0 <= float(row["realness"]) <= 1
    assert sum(right.values()) >= 0.85 * 90, right

    monkeypatch.setattr(sys, "argv", ["sample", "run", "--count", "9", "--interpolate", "4", "--neighbours", "2"])
    sample.main()
    assert {path.name for path in Path("run/generated").iterdir()} == {
        "grid.png", "interpolation.png", "interpolation.gif", "neighbours.png", "neighbours.csv",
    }  # fmt: skip
