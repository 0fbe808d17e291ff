"""Random flips, shifts, rotations, shears and changes of size of whole batches, on the device where they are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from ssgan.augmentation import Augmentation
from ssgan.errors import ConfigError
from ssgan.layers import WHOLE, Share


class Moves(NamedTuple):
    """How each image of a batch is changed, the same in all of its channels."""

    offsets: Tensor
    """Rows and columns by which it is shifted, in whole pixels, ``[N, 2]``."""
    mirrored: Tensor
    """Whether it is mirrored left to right, before anything else, ``[N, 1]``."""
    angles: Tensor
    """By how much it is turned about its centre, counter-clockwise, in radians, ``[N, 1]``."""
    factors: Tensor
    """By how much it is enlarged about its centre, ``[N, 1]``."""
    slants: Tensor
    """By how many columns each row is moved against the one above it, before the rotation, ``[N, 1]``."""


def augment(images: Tensor, options: Augmentation, generator: torch.Generator, share: Share = WHOLE) -> Tensor:
    """Change each image of a batch at random, without a host synchronisation.

    Args:
        images: a batch of any dtype, shape (N, C, H, W).
        options: what may change.
        generator: source of all randomness, on the device of ``images``.
        share: ``images`` is this part of a batch, and takes this part of the batch's randomness.

    Returns:
        A new batch of the same shape and dtype; ``images`` itself where nothing may change.

    Raises:
        ConfigError: the largest shift is not smaller than the image, so that there is not enough to reflect.
    """
    if not options.changes:
        return images
    whole = (len(images) * share.processes, *images.shape[1:])
    return moved(images, options, Moves(*map(share.of, draw_moves(whole, options, generator))))


def draw_moves(shape: Sequence[int], options: Augmentation, generator: torch.Generator) -> Moves:
    """Randomness of :func:`moved` for a batch of that shape (N, C, H, W).

    Raises:
        ConfigError: as :func:`augment`.
    """
    n, _, height, width = shape
    device = generator.device
    if options.shift >= min(height, width):
        limit = f"must be less than the image's side, {min(height, width)}"
        raise ConfigError(f"{options.group}.shift={options.shift}: {limit}")
    offsets = torch.zeros(n, 2, dtype=torch.long, device=device)
    mirrored = torch.zeros(n, 1, dtype=torch.bool, device=device)
    angles = torch.zeros(n, 1, device=device)
    factors = torch.ones(n, 1, device=device)
    slants = torch.zeros(n, 1, device=device)
    if options.shift:
        offsets = torch.randint(-options.shift, options.shift + 1, (2, n), device=device, generator=generator).T
    if options.flip:
        mirrored = torch.rand(n, 1, device=device, generator=generator) < 0.5
    if options.rotate:
        angles = math.radians(options.rotate) * (2 * torch.rand(n, 1, device=device, generator=generator) - 1)
    if options.scale:
        factors = 1 + options.scale * (2 * torch.rand(n, 1, device=device, generator=generator) - 1)
    if options.shear:
        slants = torch.tan(math.radians(options.shear) * (2 * torch.rand(n, 1, device=device, generator=generator) - 1))
    return Moves(offsets, mirrored, angles, factors, slants)


def moved(images: Tensor, options: Augmentation, moves: Moves) -> Tensor:
    """Images (N, C, H, W), mirrored, sheared, turned and enlarged, then shifted.

    What comes in from outside is the reflection of the image (the border pixel is not repeated). Flips and shifts alone
    keep every pixel's value; other images are interpolated bilinearly, and rounded where pixels are whole
    numbers.
    """
    return _warped(images, moves) if options.warps else _gathered(images, moves)


def _gathered(images: Tensor, moves: Moves) -> Tensor:
    n, channels, height, width = images.shape
    rows = _reflect(torch.arange(height, device=images.device) - moves.offsets[:, :1], height)
    columns = _reflect(torch.arange(width, device=images.device) - moves.offsets[:, 1:], width)
    columns = torch.where(moves.mirrored, width - 1 - columns, columns)
    source = rows[:, :, None] * width + columns[:, None, :]
    source = source.reshape(n, 1, height * width).expand(n, channels, height * width)
    return images.flatten(2).gather(2, source).view_as(images)


def _reflect(position: Tensor, size: int) -> Tensor:
    """Map positions in (-size, 2 * size - 1) into 0..size-1 by reflection at the first and the last pixel."""
    last = size - 1
    return last - (last - position.abs()).abs()


def _warped(images: Tensor, moves: Moves) -> Tensor:
    # Each pixel's source (x, y), from the centre, in pixels: shifted back, turned back, made smaller, straightened,
    # mirrored.
    down, right = moves.offsets.to(moves.angles.dtype).split(1, 1)
    cos, sin = moves.angles.cos() / moves.factors, moves.angles.sin() / moves.factors
    sign = 1 - 2 * moves.mirrored.to(cos.dtype)
    x_by_x, x_by_y = sign * (cos - moves.slants * sin), -sign * (sin + moves.slants * cos)
    x, y = -(x_by_x * right + x_by_y * down), -(sin * right + cos * down)
    columns, rows = (torch.arange(side, device=x.device) - (side - 1) / 2 for side in reversed(images.shape[2:]))
    columns, rows = columns[None, :], rows[:, None]
    from_x = x_by_x[..., None] * columns + x_by_y[..., None] * rows + x[..., None]
    from_y = sin[..., None] * columns + cos[..., None] * rows + y[..., None]
    # grid_sample counts from -1 at the first pixel to 1 at the last.
    height, width = ((max(side, 2) - 1) / 2 for side in images.shape[2:])
    grid = torch.stack([from_x / width, from_y / height], -1)
    pixels = images if images.is_floating_point() else images.float()
    result = grid_sample(pixels, grid.to(pixels.dtype), padding_mode="reflection", align_corners=True)
    return result if images.is_floating_point() else result.round().to(images.dtype)
