"""The training images nearest to others, by the distance between their pixels."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

#: Images that are compared at a time.
_CHUNK = 1000


class Neighbours(NamedTuple):
    """For each of n images its k nearest, the nearest first."""

    indices: Tensor
    """``[n, k]``, positions in the set that was searched; of equally near ones the first."""
    distances: Tensor
    """``[n, k]``, float64: Euclidean distance of all pixel values, which count from 0 to 1."""


@torch.inference_mode()
def nearest(images: Tensor, among: Tensor, k: int) -> Neighbours:
    """The k images of a set that are nearest to each image.

    The search is exhaustive and exact: of 8-bit values, sums of squares are whole numbers, which float64 holds.

    Args:
        images: uint8 ``[n, channels, height, width]``.
        among: uint8 ``[m, channels, height, width]``, m ≥ k.
        k: how many.
    """
    if not 1 <= k <= len(among):
        raise ValueError(f"k={k}: must be from 1 to the {len(among)} images of the set")
    queries = images.flatten(1).double()
    squares = queries.square().sum(1, keepdim=True)
    best = torch.empty(len(images), 0, dtype=torch.int64)
    for start in range(0, len(among), _CHUNK):
        rows = among[start : start + _CHUNK].flatten(1).double()
        distances = squares + rows.square().sum(1) - 2 * queries @ rows.T
        # Distance and position in one number: the order is complete, whatever the chunks.
        keys = distances.long() * len(among) + torch.arange(start, start + len(rows))
        candidates = torch.cat([best, keys], 1)
        best = candidates.topk(min(k, candidates.shape[1]), largest=False).values
    return Neighbours(best % len(among), best.div(len(among), rounding_mode="floor").double().sqrt() / 255)
