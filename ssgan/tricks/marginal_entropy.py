"""Marginal entropy of unlabelled predictions (CatGAN: Springenberg 2016, arXiv:1511.06390, section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ssgan.checks import non_negative
from ssgan.tricks.base import Trick

if TYPE_CHECKING:
    from torch import Tensor

    from ssgan.steps import DiscriminatorStep


def marginal_entropy_loss(logits: Tensor) -> Tensor:
    """``log K − H(p̄)``, the divergence of the batch's mean ``p̄_k = mean p(y = k | x, y < K+1)`` from equal classes.

    Args:
        logits: ``[n, K]``.

    Returns:
        A float32 scalar in 0 … log K.
    """
    import math

    import torch

    from ssgan.layers import batch_mean

    marginal = batch_mean(logits.float().softmax(1))
    # The gradient stays finite where a class has no probability at all.
    return math.log(logits.shape[1]) + (marginal * marginal.clamp_min(torch.finfo(marginal.dtype).tiny).log()).sum()


@dataclass
class MarginalEntropy(Trick):
    """D pays where its predictions on unlabelled images favour some classes: a whole kind of image seen as another.

    For data whose classes are about equally frequent. A batch that is small against the number of classes is unequal by
    chance, which the term then holds against D.
    """

    weight: float = 1.0

    def __post_init__(self) -> None:
        non_negative("trick.marginal_entropy.weight", self.weight)

    def discriminator_penalty(self, step: DiscriminatorStep) -> Tensor:
        """Fill the term of D."""
        return self.weight * marginal_entropy_loss(step.unlabelled.logits)
