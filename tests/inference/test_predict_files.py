"""Which files are meant, and what is predicted of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ssgan.errors import DataError
from ssgan.inference.predict_files import find_files, predict_files
from tests.inference.models import untrained


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The present folder, with files."""
    for name in ("b.png", "a.png", "notes.txt", "sub/c.jpg", "sub/deep/d.png", ".hid/e.png", "[1].png", "none/x.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (["b.png", "a.png"], ["b.png", "a.png"]),
        (["sub"], ["sub/c.jpg", "sub/deep/d.png"]),
        (["."], ["[1].png", "a.png", "b.png", "sub/c.jpg", "sub/deep/d.png"]),
        (["sub/deep/d.png", "sub", "a.png", "a.png"], ["sub/deep/d.png", "sub/c.jpg", "a.png"]),
        (["?.png"], ["a.png", "b.png"]),
        (["**/*.png"], ["[1].png", "a.png", "b.png", "sub/deep/d.png"]),
        (["su*"], ["sub/c.jpg", "sub/deep/d.png"]),
        (["[1].png"], ["[1].png"]),
        (["notes.txt", "gone.png", "*.gif"], ["notes.txt", "gone.png", "*.gif"]),
    ],
)
def test_files_folders_and_patterns(given: list[str], found: list[str], folder: Path):
    assert find_files(given) == found


def test_home(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(folder))
    assert find_files(["~/a.png"]) == [str(folder / "a.png")]


def test_a_folder_without_images(folder: Path):
    with pytest.raises(DataError, match="none: there are no images"):
        find_files(["a.png", "none"])


@pytest.mark.parametrize("batch_size", [None, 1, 3])
def test_each_file_gets_what_the_model_says_of_it(batch_size: int | None, tmp_path: Path):
    model = untrained(tmp_path / "run", (3, 8, 6))
    random = np.random.RandomState(0)
    files = [str(tmp_path / f"{i}.png") for i in range(8)]
    for i, file in enumerate(files):
        Image.fromarray(random.randint(0, 256, (8 + i, 6, 3), dtype=np.uint8)).save(file)
    for i in (0, 5, 6, 7):
        Path(files[i]).write_text("text")
    unreadable: dict[str, str] = {}
    steps: list[int] = []
    with ThreadPoolExecutor(2) as threads:
        rows = list(predict_files(model, files, threads, batch_size, unreadable, steps.append))
    assert [row.file for row in rows] == files[1:5]
    assert list(unreadable) == [files[i] for i in (0, 5, 6, 7)] and sum(steps) == 8
    for row in rows:
        alone = model.predict(row.file)
        assert row.label == alone.names[0] == "abc"[int(np.argmax(row.probabilities))]
        assert row.probabilities == pytest.approx(alone.probabilities[0].tolist(), abs=1e-5)
        assert row.realness == pytest.approx(alone.realness.item(), abs=1e-5)
