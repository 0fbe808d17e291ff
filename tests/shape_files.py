"""Image files as people have them: coloured shapes in many formats, modes and sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

#: The class, its colour, and its outline in a square of side 1.
CLASSES = ("blue cross", "green, hollow", "red disc")

_COLOURS = {"blue cross": (30, 40, 200), "green, hollow": (20, 140, 40), "red disc": (200, 30, 30)}


def draw(label: str, random: np.random.RandomState) -> Image.Image:
    """A shape somewhere on white, a little noisy, of any size and aspect."""
    width, height = random.randint(24, 90, 2)
    side = 0.7 * min(width, height) * random.uniform(0.8, 1.0)
    left, top = (width - side) / 2 + random.uniform(-2, 2), (height - side) / 2 + random.uniform(-2, 2)
    box = (left, top, left + side, top + side)
    colour = tuple(int(c) for c in np.clip(np.array(_COLOURS[label]) + random.randint(-30, 31, 3), 0, 255))
    image = Image.new("RGB", (int(width), int(height)), "white")
    pen = ImageDraw.Draw(image)
    if label == "red disc":
        pen.ellipse(box, fill=colour)
    elif label == "green, hollow":
        pen.rectangle(box, outline=colour, width=max(2, int(side / 6)))
    else:
        bar = side / 6
        x, y = left + side / 2, top + side / 2
        pen.rectangle((x - bar, top, x + bar, top + side), fill=colour)
        pen.rectangle((left, y - bar, left + side, y + bar), fill=colour)
    noisy = np.asarray(image) + random.normal(0, 6, (image.height, image.width, 3))
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


def _transparent(image: Image.Image) -> Image.Image:
    """White becomes transparent, and black lies hidden under it."""
    pixels = np.asarray(image)
    seen = pixels.min(2) < 225
    return Image.fromarray(np.dstack([pixels * seen[:, :, None], seen * 255]).astype(np.uint8), "RGBA")


def _sixteen_bits(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)


#: Of each kind of file, its ending and how an RGB image becomes one.
KINDS: dict[str, tuple[str, Callable[[Image.Image], Image.Image]]] = {
    "rgb": (".png", lambda image: image),
    "rgba": (".png", _transparent),
    "palette": (".png", lambda image: image.quantize(32)),
    "grey": (".png", lambda image: image.convert("L")),
    "grey-alpha": (".png", lambda image: _transparent(image).convert("LA")),
    "16-bit": (".png", _sixteen_bits),
    "jpeg": (".jpg", lambda image: image),
    "jpeg-grey": (".JPG", lambda image: image.convert("L")),
    "jpeg-cmyk": (".jpeg", lambda image: image.convert("CMYK")),
    "webp": (".webp", lambda image: image),
    "webp-alpha": (".webp", _transparent),
    "tiff": (".tiff", lambda image: image),
    "tiff-16-bit": (".tif", _sixteen_bits),
    "gif": (".gif", lambda image: image.convert("P", palette=Image.Palette.ADAPTIVE)),
    "bmp": (".bmp", lambda image: image),
}


def write_shapes(folder: Path, label: str, count: int, seed: int) -> list[Path]:
    """Write that many files of one class, of all kinds in turn."""
    return list(_written(folder, label, count, np.random.RandomState(seed)))


def _written(folder: Path, label: str, count: int, random: np.random.RandomState) -> Iterator[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    kinds = list(KINDS.items())
    for i in range(count):
        name, (ending, convert) = kinds[(i + random.randint(len(kinds))) % len(kinds)]
        path = folder / f"{label} {i:03} {name}{ending}"
        convert(draw(label, random)).save(path)
        yield path
