"""Moved images, one pixel at a time."""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor


def reflected(position: float, size: int) -> float:
    """By bouncing off the first and the last pixel until it is inside."""
    while not 0 <= position <= size - 1:
        position = -position if position < 0 else 2 * (size - 1) - position
    return position


def moved_image(image: np.ndarray, *move: Tensor) -> np.ndarray:
    """Image [C, H, W]: each pixel's source by undoing the shift, the rotation, the size, the slant and the mirror."""
    (down, right), (mirror,), (angle,), (factor,), (slant,) = (values.tolist() for values in move)
    result = np.empty(image.shape)
    _, height, width = image.shape
    middle_y, middle_x = (height - 1) / 2, (width - 1) / 2
    for row in range(height):
        for column in range(width):
            y, x = row - down - middle_y, column - right - middle_x
            # On the screen y points down, so that a counter-clockwise turn takes (x, 0) to (x cos, -x sin).
            x, y = x * math.cos(angle) - y * math.sin(angle), x * math.sin(angle) + y * math.cos(angle)
            y, x = y / factor, x / factor
            x = x - slant * y
            y, x = middle_y + y, middle_x + (-x if mirror else x)
            y, x = reflected(y, height), reflected(x, width)
            top, left = min(int(y), height - 2), min(int(x), width - 2)
            y, x = y - top, x - left
            upper = image[:, top, left] * (1 - x) + image[:, top, left + 1] * x
            lower = image[:, top + 1, left] * (1 - x) + image[:, top + 1, left + 1] * x
            result[:, row, column] = upper * (1 - y) + lower * y
    return result
