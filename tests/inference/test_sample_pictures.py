"""Pictures of a generator: what is in them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ssgan.data.images import ImageData
from ssgan.errors import ConfigError
from ssgan.inference.sample_pictures import (
    interpolate,
    write_grid,
    write_interpolation,
    write_neighbours,
    write_single,
)
from tests.inference.models import random_images, untrained

CELL = 64 + 2  # images of 8×8, enlarged eight times, and a line


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("L"))


def cell(picture: np.ndarray, row: int, column: int, left: int = 0) -> np.ndarray:
    """The image at that place of a grid, as it was before it was enlarged."""
    top, left = 2 + row * CELL, left + 2 + column * CELL
    return picture[top : top + 64 : 8, left : left + 64 : 8]


def test_a_grid(tmp_path: Path):
    images = random_images(5, (1, 8, 8))
    picture = pixels(write_grid(images, tmp_path, columns=3))
    assert picture.shape == (2 * CELL + 2, 3 * CELL + 2)
    for i in range(5):
        assert np.array_equal(cell(picture, i // 3, i % 3), images[i, 0])


def test_single_images(tmp_path: Path):
    images = random_images(3, (3, 8, 6))
    folder = write_single(images, tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == ["000.png", "001.png", "002.png"]
    with Image.open(folder / "001.png") as image:
        assert np.array_equal(np.asarray(image).transpose(2, 0, 1), images[1])


def test_steps_are_equal_and_stay_in_the_cube():
    ends = torch.rand(3, 2, 5)
    z = interpolate(ends, 4)
    assert z.shape == (3, 4, 5) and z.min() >= 0 and z.max() < 1
    for i in range(4):
        assert torch.allclose(z[:, i], (1 - i / 3) * ends[:, 0] + i / 3 * ends[:, 1], atol=1e-6)
    assert torch.equal(z[:, 0], ends[:, 0]) and torch.equal(z[:, -1], ends[:, 1])


def test_an_interpolation(tmp_path: Path):
    model = untrained(tmp_path / "run")
    picture_path, gif_path = write_interpolation(model, tmp_path, pairs=3, steps=4, seed=5)
    picture = pixels(picture_path)
    assert picture.shape == (3 * CELL + 2, 4 * CELL + 2)
    ends = model.sample(6, seed=5)[:, 0].int().numpy()
    for row in range(3):
        for column, end in ((0, ends[2 * row]), (3, ends[2 * row + 1])):
            assert np.abs(cell(picture, row, column) - end).max() <= 1, "the ends are samples of that seed"
    with Image.open(gif_path) as gif:
        assert gif.n_frames == 6, "there (4) and back (2)"
        for frame, step in enumerate((0, 1, 2, 3, 2, 1)):
            gif.seek(frame)
            shown = np.asarray(gif.convert("L")).astype(int)
            assert shown.shape == (CELL + 2, 3 * CELL + 2)
            for pair in range(3):
                assert np.abs(cell(shown, 0, pair) - cell(picture, pair, step).astype(int)).max() <= 8


@pytest.mark.parametrize("unlabelled", [True, False])
def test_neighbours(unlabelled: bool, tmp_path: Path):
    images = random_images(30, (1, 8, 8))
    data = ImageData(
        images[:10],
        torch.arange(10) % 2,
        images[20:],
        torch.arange(10) % 2,
        ("even", "odd"),
        x_unlabelled=images[10:20] if unlabelled else None,
    )
    samples = images[[3, 12]].clone()
    samples[:, 0, 0, 0] ^= 1
    report = write_neighbours(samples, data, tmp_path, k=2)
    rows = list(csv.DictReader((tmp_path / "neighbours.csv").read_text().splitlines()))
    assert [(row["sample"], row["rank"]) for row in rows] == [("0", "1"), ("0", "2"), ("1", "1"), ("1", "2")]
    assert (rows[0]["set"], rows[0]["index"], rows[0]["class"]) == ("train", "3", "odd")
    assert float(rows[0]["distance"]) == pytest.approx(1 / 255, rel=1e-5)
    if unlabelled:
        assert (rows[2]["set"], rows[2]["index"], rows[2]["class"]) == ("unlabelled", "2", "")
        assert report.samples == pytest.approx(1 / 255)
    assert report.tests > 1, "noise is far from other noise"
    picture = pixels(tmp_path / "neighbours.png")
    assert np.array_equal(cell(picture, 0, 0), samples[0, 0])
    assert np.array_equal(cell(picture, 0, 0, left=CELL + 2 + 12), images[3, 0])
    with pytest.raises(ConfigError, match="training images"):
        write_neighbours(samples, data, tmp_path, k=21)
