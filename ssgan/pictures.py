"""Pictures of many small images: grids and moving grids."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.functional import resize, to_pil_image
from torchvision.utils import make_grid

from ssgan.atomic_write import atomic_write

#: Side, in pixels, up to which small images are enlarged by a whole factor, to be seen.
VISIBLE = 64

#: Width, in pixels, of the white lines of a grid.
_LINE = 2


def enlarge(images: Tensor, visible: int = VISIBLE) -> Tensor:
    """Images ``[n, channels, height, width]``, each pixel repeated while the longer side is at most ``visible``."""
    factor = max(1, visible // max(images.shape[-2:]))
    return resize(images, [side * factor for side in images.shape[-2:]], interpolation=0)  # 0: nearest


def draw_grid(images: Tensor, columns: int, visible: int = VISIBLE) -> Tensor:
    """One RGB picture, uint8 ``[3, height, width]``: images ``[n, channels, height, width]``, row by row, enlarged."""
    images = enlarge(images, visible)
    if len(images) == 1:  # which make_grid would leave without its border
        images = torch.nn.functional.pad(images.expand(-1, 3, -1, -1), [_LINE] * 4, value=255)
        return images[0]
    return make_grid(images, nrow=columns, padding=_LINE, pad_value=255)


def save_png(image: Tensor, path: Path) -> None:
    """Write a uint8 image ``[1 or 3, height, width]``; the folder is made if there is none."""
    with atomic_write(path) as aside:
        to_pil_image(image).save(aside)


def save_gif(frames: Sequence[Tensor], path: Path, seconds: float = 0.08) -> None:
    """Write uint8 pictures ``[1 or 3, height, width]`` as a GIF that repeats for ever, each shown for ``seconds``.

    All frames share one palette of 256 colours, so that what stands still does not flicker.
    """
    palette = to_pil_image(torch.cat(list(frames), dim=1)).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    pictures = [
        to_pil_image(frame).convert("RGB").quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames
    ]
    with atomic_write(path) as aside:
        pictures[0].save(
            aside, save_all=True, append_images=pictures[1:], duration=round(1000 * seconds), loop=0, optimize=False
        )
