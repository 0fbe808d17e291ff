"""Conditional entropy of unlabelled predictions (Dai et al. 2017, arXiv:1705.09783)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ssgan.checks import non_negative
from ssgan.tricks.base import Trick

if TYPE_CHECKING:
    from torch import Tensor

    from ssgan.steps import DiscriminatorStep


def conditional_entropy_loss(logits: Tensor) -> Tensor:
    """``−mean Σ_k p_k(x)·log p_k(x)`` with ``p_k(x) = p(y = k | x, y < K+1)``.

    Args:
        logits: ``[n, K]``.

    Returns:
        A float32 scalar in 0 … log K.
    """
    from torch import log_softmax

    log_p = log_softmax(logits.float(), 1)
    return -(log_p.exp() * log_p).sum(1).mean()


@dataclass
class ConditionalEntropy(Trick):
    """D pays for being unsure of an unlabelled image's class, which keeps the decision boundary away from the data.

    The unlabelled loss asks only that some class is likely. Bad GAN adds 0.1 times the entropy on SVHN.
    """

    weight: float = 0.1

    def __post_init__(self) -> None:
        non_negative("trick.conditional_entropy.weight", self.weight)

    def discriminator_penalty(self, step: DiscriminatorStep) -> Tensor:
        """Fill the term of D."""
        return self.weight * conditional_entropy_loss(step.unlabelled.logits)
