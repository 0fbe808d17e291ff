"""Grids pixel by pixel, and GIFs frame by frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ssgan.pictures import draw_grid, enlarge, save_gif, save_png

IMAGES = torch.randint(0, 255, (5, 3, 2, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("visible", "factor"), [(3, 1), (4, 1), (7, 1), (8, 2), (13, 3)])
def test_every_pixel_is_repeated(visible: int, factor: int):
    expected = np.repeat(np.repeat(IMAGES.numpy(), factor, 2), factor, 3)
    assert np.array_equal(enlarge(IMAGES, visible).numpy(), expected)


@pytest.mark.parametrize("columns", [1, 2, 5, 9])
@pytest.mark.parametrize("count", [1, 5])
def test_a_grid_is_row_by_row_with_white_lines(columns: int, count: int):
    images = IMAGES[:count]
    columns_used, rows = min(columns, count), -(-count // columns)
    expected = np.full((3, 2 + rows * 4, 2 + columns_used * 6), 255)
    for i, image in enumerate(images.numpy()):
        top, left = 2 + i // columns * 4, 2 + i % columns * 6
        expected[:, top : top + 2, left : left + 4] = image
    assert np.array_equal(draw_grid(images, columns, visible=1).numpy(), expected)


def test_grey_images_become_a_colour_picture():
    for count in (1, 2):
        grid = draw_grid(IMAGES[:count, :1], 2, visible=1)
        assert len(grid) == 3 and torch.equal(grid[0], grid[2])


def test_png(tmp_path: Path):
    save_png(IMAGES[0], tmp_path / "new" / "colour.png")
    save_png(IMAGES[0, :1], tmp_path / "new" / "grey.png")
    with Image.open(tmp_path / "new" / "colour.png") as colour, Image.open(tmp_path / "new" / "grey.png") as grey:
        assert np.array_equal(np.asarray(colour).transpose(2, 0, 1), IMAGES[0])
        assert grey.mode == "L" and np.array_equal(np.asarray(grey), IMAGES[0, 0])


def test_gif(tmp_path: Path):
    frames = [draw_grid(IMAGES[i : i + 1], 1, visible=16) for i in range(3)]
    save_gif(frames, tmp_path / "x.gif", seconds=0.05)
    with Image.open(tmp_path / "x.gif") as gif:
        assert gif.n_frames == 3 and gif.info["duration"] == 50 and gif.info["loop"] == 0
        for i, frame in enumerate(frames):
            gif.seek(i)
            shown = np.asarray(gif.convert("RGB")).transpose(2, 0, 1).astype(int)
            assert np.abs(shown - frame.numpy()).max() <= 8, "25 colours have room in a palette of 256"
