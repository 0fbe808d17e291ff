"""Manifold regularisation of D by G's samples (Lecouat et al. 2018, arXiv:1807.04307)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ssgan.checks import non_negative, positive
from ssgan.tricks.base import Trick

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ssgan.networks.discriminator import Discriminator
    from ssgan.networks.generator import Generator
    from ssgan.steps import DiscriminatorStep


@dataclass
class ManifoldRegularisation(Trick):
    """D pays for logits that change along the manifold that G has learned.

    ``weight · mean Σ_k |l_k(G(z)) − l_k(x̃)|`` with ``x̃ = G(z) + epsilon·unit(G(z + δ) − G(z))``, δ a random unit
    vector; the norm is that of the authors' code. ``weight`` and ``epsilon`` are the authors' for images of 3×32×32 in
    [−1, 1]. Both passes of D see the same noise, so that the step along the manifold alone makes the difference.
    """

    weight: float = 1e-3
    epsilon: float = 20.0

    def __post_init__(self) -> None:
        non_negative("trick.manifold_regularisation.weight", self.weight)
        positive("trick.manifold_regularisation.epsilon", self.epsilon)

    def discriminator_draws(
        self, generator: Generator, discriminator: Discriminator, shape: Sequence[int], rng: torch.Generator
    ) -> tuple[Tensor, ...]:
        """Draw the directions δ."""
        import torch

        from ssgan.tricks.directions import unit

        return (unit(torch.randn(shape[0], generator.z_dim, device=rng.device, generator=rng)),)

    def discriminator_penalty(self, step: DiscriminatorStep) -> Tensor:
        """Fill the term of D."""
        import torch

        from ssgan.tricks.directions import unit

        with torch.no_grad():
            along = unit(step.generator(step.noise.z + step.draws[0]) - step.fake_images)
            images = step.fake_images + self.epsilon * along
        moved = step.discriminator(images, step.layers_on("fake"))
        return self.weight * (step.fake.logits.float() - moved.logits.float()).abs().sum(1).mean()
