"""Random flips and shifts of whole batches, on the device where they are."""

from __future__ import annotations

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
    n, channels, height, width = images.shape
    if shift >= min(height, width):
        raise ConfigError(f"data.augment.shift={shift}: must be less than the image's side, {min(height, width)}")

    rows = torch.arange(height, device=images.device).expand(n, height)
    columns = torch.arange(width, device=images.device).expand(n, width)
    if shift:
        size = (2 * n * share.processes, 1)
        offset = share.of(torch.randint(-shift, shift + 1, size, device=images.device, generator=generator), 2)
        offset = offset.view(2, n, 1)
        rows, columns = _reflect(rows - offset[0], height), _reflect(columns - offset[1], width)
    if flip:
        mirrored = share.of(torch.rand(n * share.processes, 1, device=images.device, generator=generator) < 0.5)
        columns = torch.where(mirrored, width - 1 - columns, columns)
    source = rows[:, :, None] * width + columns[:, None, :]
    source = source.reshape(n, 1, height * width).expand(n, channels, height * width)
    return images.flatten(2).gather(2, source).view_as(images)


def _reflect(position: Tensor, size: int) -> Tensor:
    """Map positions in (-size, 2 * size - 1) into 0..size-1 by reflection at the first and the last pixel."""
    last = size - 1
    return last - (last - position.abs()).abs()
