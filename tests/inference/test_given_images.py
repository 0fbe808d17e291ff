"""Images as people have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ssgan.data.decode import decode
from ssgan.errors import DataError
from ssgan.inference.given_images import as_pixels
from ssgan.inference.read_ahead import ImageForm
from tests.inference.models import random_images

RGB, GREY = ImageForm(3, 6, 8), ImageForm(1, 6, 8)
PIXELS = random_images(5, (3, 6, 8))
ARRAY = PIXELS.permute(0, 2, 3, 1).numpy()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(np.random.RandomState(0).randint(0, 256, (20, 30, 4), dtype=np.uint8), "RGBA").save(path)
    return path


def test_tensors_and_arrays_of_the_right_size_are_taken_as_they_are():
    assert as_pixels(PIXELS, RGB) is PIXELS
    assert torch.equal(as_pixels(ARRAY, RGB), PIXELS)
    assert torch.equal(as_pixels(ARRAY[:, :, :, 0], GREY), PIXELS[:, :1])
    assert torch.equal(as_pixels(ARRAY[:, :, :, 1:2], GREY), PIXELS[:, 1:2])
    assert torch.equal(as_pixels(ARRAY[::-1], RGB), PIXELS.flip(0)), "also if its memory runs backwards"


@pytest.mark.parametrize("form", [RGB, GREY, ImageForm(3, 6, 8, "squash")])
def test_a_path_and_a_pillow_image_are_treated_as_training_files(form: ImageForm, photo: Path):
    expected = torch.from_numpy(decode(photo, (6, 8), form.channels, form.resize).copy())
    with Image.open(photo) as image:
        for given in (photo, str(photo), image, [photo], (str(photo),), iter([image])):
            assert torch.equal(as_pixels(given, form), expected[None])
        both: list[Any] = [image, photo, Image.fromarray(ARRAY[0])]
        result = as_pixels(both, form)
    assert torch.equal(result[0], expected) and torch.equal(result[1], expected)
    if form == RGB:
        assert torch.equal(result[2], PIXELS[0])


def test_no_images_are_none():
    assert as_pixels([], RGB).shape == (0, 3, 6, 8)
    assert as_pixels(PIXELS[:0], RGB).shape == (0, 3, 6, 8)


@pytest.mark.parametrize(
    ("images", "parts"),
    [
        (PIXELS.float(), ["(n, 3, 6, 8)", "(n, channels, height, width)", "float32"]),
        (PIXELS[0], ["(n, 3, 6, 8)", "(3, 6, 8)"]),
        (PIXELS[:, :1], ["(n, 3, 6, 8)", "(5, 1, 6, 8)"]),
        (ARRAY / 255, ["(n, 6, 8, 3)", "(n, height, width, channels)", "float64"]),
        (ARRAY[0], ["(n, 6, 8, 3)", "(6, 8, 3)"]),
        (ARRAY[:, :4], ["(n, 6, 8, 3)", "(5, 4, 8, 3)", "PIL"]),
        (PIXELS.numpy(), ["(n, 6, 8, 3)", "(5, 3, 6, 8)"]),
        (ARRAY[:, :, :, 0], ["(n, 6, 8, 3)", "(5, 6, 8)"]),
        (3, ["int", "path"]),
        (b"abc", ["int", "path"]),
        ([ARRAY[0]], ["ndarray", "path"]),
        (None, ["NoneType"]),
    ],
)
def test_anything_else_is_refused_with_one_line(images: Any, parts: list[str]):
    with pytest.raises(DataError) as error:
        as_pixels(images, RGB)
    assert "\n" not in str(error.value) and [part for part in parts if part not in str(error.value)] == []


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, photo: Path):
    (tmp_path / "text.png").write_text("text")
    for bad, reason in (("text.png", "not an image"), ("gone.png", "No such file"), (".", "directory")):
        with pytest.raises(DataError, match=reason) as error:
            as_pixels([photo, tmp_path / bad], RGB)
        assert str(tmp_path / bad) in str(error.value)
