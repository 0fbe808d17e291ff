"""A folder of painted images, and what is read of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from ssgan.data import Folder
from ssgan.data.file_options import FileOptions
from ssgan.errors import DataError


def paint(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (20, 30), mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).convert(mode).save(path)


def paint_folder(root: Path) -> Path:
    """Three red cats, two green dogs, one unlabelled image of each colour; two cats and one dog to test."""
    for name in ("a.png", "b.jpg", "deeper/c.PNG"):
        paint(root / "cat" / name, (250, 0, 0))
    paint(root / "dog" / "a.bmp", (0, 250, 0), size=(100, 10))
    paint(root / "dog" / "b.gif", (0, 250, 0), mode="P")
    paint(root / "unlabelled" / "a.png", (250, 0, 0))
    paint(root / "unlabelled" / "x" / "y" / "a.png", (0, 250, 0))
    paint(root / "test" / "cat" / "a.png", (250, 0, 0))
    paint(root / "test" / "cat" / "b.png", (250, 0, 0))
    paint(root / "test" / "dog" / "a.png", (0, 250, 0))
    return root


def load(root: Path, source: type[FileOptions] = Folder, **options: object):
    return source(path=str(root), image_size=8, **options).load()


def refusal(root: Path, **options: object) -> str:
    with pytest.raises(DataError) as error:
        load(root, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def colours(images) -> list[int]:
    """0 for each red image, 1 for each green one."""
    means = images.float().mean((2, 3))
    assert (means.max(1).values > 230).all()
    return means.argmax(1).tolist()
