"""Unit vectors: the directions in which techniques move images."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def unit(x: Tensor) -> Tensor:
    """Each example's ``x / ‖x‖₂`` in float32, also of values whose squares underflow; 0 stays 0."""
    from torch.nn.functional import normalize

    flat = x.float().flatten(1)
    return normalize(flat / (flat.abs().amax(1, keepdim=True) + 1e-30), dim=1).view_as(x)
