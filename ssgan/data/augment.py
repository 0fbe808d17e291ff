"""Random flips and shifts of whole batches, on the device where they are."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ssgan.errors import ConfigError
from ssgan.layers import WHOLE, Share


def augment(images: Tensor, flip: bool, shift: int, generator: torch.Generator, share: Share = WHOLE) -> Tensor:
    """Flip and shift each image of a batch at random, by a single gather and without a host synchronisation.

    Args:
        images: a batch of any dtype, shape (N, C, H, W).
        flip: mirror each image left to right with probability 1/2.
        shift: translate each image by a uniform whole number of pixels in [-shift, shift] along each axis; what comes
            in from outside is the reflection of the image (the border pixel is not repeated).
        generator: source of all randomness, on the device of ``images``.
        share: ``images`` is this part of a batch, and takes this part of the batch's randomness.

    Returns:
        A new batch of the same shape and dtype; ``images`` itself when both changes are off.

    Raises:
        ConfigError: the shift is not smaller than the image, so that there is not enough to reflect.
    """
    if not flip and not shift:
        return images
    whole = (len(images) * share.processes, *images.shape[1:])
    return moved(images, *map(share.of, draw_moves(whole, flip, shift, generator)))


def draw_moves(
    shape: Sequence[int], flip: bool, shift: int, generator: torch.Generator, option: str = "data.augment.shift"
) -> tuple[Tensor, Tensor]:
    """Randomness of :func:`moved` for a batch of that shape (N, C, H, W).

    Returns:
        Offsets of rows and columns in whole pixels, ``[N, 2]``, and which images are mirrored, ``[N, 1]``.

    Raises:
        ConfigError: as :func:`augment`; it names ``option``.
    """
    n, _, height, width = shape
    if shift >= min(height, width):
        raise ConfigError(f"{option}={shift}: must be less than the image's side, {min(height, width)}")
    offsets = torch.zeros(n, 2, dtype=torch.long, device=generator.device)
    mirrored = torch.zeros(n, 1, dtype=torch.bool, device=generator.device)
    if shift:
        offsets = torch.randint(-shift, shift + 1, (2, n), device=generator.device, generator=generator).T
    if flip:
        mirrored = torch.rand(n, 1, device=generator.device, generator=generator) < 0.5
    return offsets, mirrored


def moved(images: Tensor, offsets: Tensor, mirrored: Tensor) -> Tensor:
    """Shift images (N, C, H, W) by ``offsets`` [N, 2] and mirror those that are ``mirrored`` [N, 1]."""
    n, channels, height, width = images.shape
    rows = _reflect(torch.arange(height, device=images.device) - offsets[:, :1], height)
    columns = _reflect(torch.arange(width, device=images.device) - offsets[:, 1:], width)
    columns = torch.where(mirrored, width - 1 - columns, columns)
    source = rows[:, :, None] * width + columns[:, None, :]
    source = source.reshape(n, 1, height * width).expand(n, channels, height * width)
    return images.flatten(2).gather(2, source).view_as(images)


def _reflect(position: Tensor, size: int) -> Tensor:
    """Map positions in (-size, 2 * size - 1) into 0..size-1 by reflection at the first and the last pixel."""
    last = size - 1
    return last - (last - position.abs()).abs()
