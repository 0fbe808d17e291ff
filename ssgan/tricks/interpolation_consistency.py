"""Consistency of predictions between images (ICT: Verma et al. 2019, arXiv:1903.03825; in a GAN: Chen et al. 2020).

Chen et al. (arXiv:2007.03844) add it, and consistency under changes of the image, to the K+1-class discriminator.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ssgan.checks import in_range, non_negative, positive
from ssgan.tricks.base import Trick
from ssgan.tricks.ramp import ramp_up

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ssgan.networks.discriminator import Discriminator
    from ssgan.networks.generator import Generator
    from ssgan.steps import DiscriminatorStep


def draw_shares(n: int, alpha: float, rng: torch.Generator) -> Tensor:
    """n numbers of Beta(alpha, alpha), float32, on the device of ``rng``."""
    import torch

    # In float32 both of a pair's gamma numbers underflow where alpha is small. torch.distributions takes no generator.
    concentration = torch.full((n, 2), alpha, dtype=torch.float64, device=rng.device)
    return torch._sample_dirichlet(concentration, rng)[:, 0].float()


def mixed(x: Tensor, shares: Tensor) -> Tensor:
    """``λ_i x_i + (1 − λ_i) x_{i+1}``: each example of the whole batch with the next, the last with the first.

    Args:
        x: ``[n, …]``, a constant.
        shares: λ, ``[n]``.
    """
    from ssgan.layers import own_part, whole_batch

    shares = shares.view(-1, *[1] * (x.dim() - 1))
    return shares * x + (1 - shares) * own_part(whole_batch(x).roll(-1, 0))


def interpolation_loss(logits: Tensor, targets: Tensor, shares: Tensor) -> Tensor:
    """``mean Σ_k (p_k − m_k)²``, p of the mixed images and m the mixture of the targets' probabilities.

    Args:
        logits: of the mixed images, ``[n, K]``.
        targets: logits of the images themselves, ``[n, K]``, a constant.
        shares: λ, ``[n]``.

    Returns:
        A float32 scalar.
    """
    from torch import softmax

    wanted = mixed(softmax(targets.float(), 1), shares)
    return (softmax(logits.float(), 1) - wanted).square().sum(1).mean()


@dataclass
class InterpolationConsistency(Trick):
    """D pays for predictions on a mixture of two unlabelled images that are not the mixture of the teacher's.

    ``weight · mean Σ_k (p_k(λx + (1−λ)x′) − λp′_k(x) − (1−λ)p′_k(x′))²``, ``λ ~ Beta(alpha, alpha)`` for each pair, x′
    the next image of the batch, p′ of D with its averaged weights, a constant (the paper's algorithm 1; the authors'
    code draws one λ for a batch, mixes logits, and mixes labelled images too). On CIFAR-10 with 4,000 labels it has
    ``alpha=1``, on SVHN with 1,000 ``alpha=0.1``, and on both a weight of 100 times the mean over ten classes, which is
    ``weight=10`` here, reached after a quarter of the run (``ramp=0.25``). The default can be paid from the start.
    """

    weight: float = 1.0
    ramp: float = 0.0
    alpha: float = 1.0

    def __post_init__(self) -> None:
        non_negative("trick.interpolation_consistency.weight", self.weight)
        in_range("trick.interpolation_consistency.ramp", self.ramp, 0, 1)
        positive("trick.interpolation_consistency.alpha", self.alpha)

    def discriminator_draws(
        self, generator: Generator, discriminator: Discriminator, shape: Sequence[int], rng: torch.Generator
    ) -> tuple[Tensor, ...]:
        """Draw λ, and the noise of D's layers on the mixed images."""
        return draw_shares(shape[0], self.alpha, rng), *discriminator.draw_noise(shape[0], rng)

    def discriminator_penalty(self, step: DiscriminatorStep) -> Tensor:
        """Fill the term of D."""
        shares, *layers = step.draws
        logits = step.discriminator(mixed(step.batch.unlabelled, shares), layers).logits
        weight = self.weight * ramp_up(step.progress, self.ramp)
        return weight * interpolation_loss(logits, step.averaged_unlabelled.logits, shares)
