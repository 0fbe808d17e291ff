"""Weights of techniques that rise over the first part of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def ramp_up(progress: Tensor | float, length: float) -> Tensor | float:
    """``exp(−5 (1 − t)²)``, the factor of a weight that rises while ``t = progress / length`` goes from 0 to 1.

    Args:
        progress: part of the run that is done.
        length: part of the run after which the weight is whole; 0 for at once.
    """
    import torch

    if not length:
        return 1.0
    return torch.exp(-5 * (1 - torch.as_tensor(progress) / length).clamp_min(0).square())
