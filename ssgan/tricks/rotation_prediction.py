"""Self-supervision by rotation (Gidaris et al. 2018, arXiv:1803.07728; in a GAN Chen et al. 2019, arXiv:1811.11212)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ssgan.checks import non_negative
from ssgan.errors import ConfigError
from ssgan.tricks.base import Trick

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from ssgan.networks.discriminator import Discriminator
    from ssgan.networks.generator import Generator
    from ssgan.steps import DiscriminatorStep, GeneratorStep

#: Turns that are told apart: by 0°, 90°, 180°, 270°.
TURNS = 4


def turned(images: Tensor, quarters: Tensor) -> Tensor:
    """Each image turned counter-clockwise by its number of quarters of a circle.

    Args:
        images: square, ``[n, channels, side, side]``.
        quarters: 0 to 3, ``[n]``.
    """
    import torch

    every = torch.stack([torch.rot90(images, quarter, (2, 3)) for quarter in range(TURNS)])
    return every[quarters, torch.arange(len(quarters), device=quarters.device)]


def rotation_loss(discriminator: Discriminator, head: nn.Module, images: Tensor, draws: Sequence[Tensor]) -> Tensor:
    """``−mean log q(r | f(x turned by r))``, q the softmax of what ``head`` makes of D's features.

    Args:
        discriminator: D.
        head: features ``[n, num_features]`` → logits of the turns ``[n, 4]``.
        images: ``[n, channels, side, side]``.
        draws: r in quarters ``[n]``, then the noise of D's layers.

    Returns:
        A float32 scalar.
    """
    from torch.nn.functional import cross_entropy

    quarters, *layers = draws
    return cross_entropy(head(discriminator(turned(images, quarters), layers).features).float(), quarters)


@dataclass
class RotationPrediction(Trick):
    """D also learns, by a dense layer on its features, by how many quarters an unlabelled image was turned.

    D pays ``weight`` times :func:`rotation_loss` of unlabelled images, G ``generator_weight`` times that of its own
    (section 4.1 of Chen et al., whose β = 1 and α = 0.2 are the defaults), r being drawn for each image; they turn a
    quarter of a batch by all four. Of use where which way is up belongs to the content, as in photographs.
    """

    weight: float = 1.0
    generator_weight: float = 0.2

    def __post_init__(self) -> None:
        non_negative("trick.rotation_prediction.weight", self.weight)
        non_negative("trick.rotation_prediction.generator_weight", self.generator_weight)

    def discriminator_companion(self, num_features: int, image_shape: tuple[int, int, int]) -> nn.Module:
        """Build the layer that tells the turns apart."""
        from torch import nn

        _, height, width = image_shape
        if height != width:
            raise ConfigError(f"trick.rotation_prediction needs square images, these have {height}×{width} pixels")
        return nn.Linear(num_features, TURNS)

    def discriminator_draws(
        self, generator: Generator, discriminator: Discriminator, shape: Sequence[int], rng: torch.Generator
    ) -> tuple[Tensor, ...]:
        """Draw the turns, and the noise of D's layers on the turned images."""
        import torch

        quarters = torch.randint(TURNS, (shape[0],), generator=rng, device=rng.device)
        return quarters, *discriminator.draw_noise(shape[0], rng)

    def generator_draws(
        self, generator: Generator, discriminator: Discriminator, shape: Sequence[int], rng: torch.Generator
    ) -> tuple[Tensor, ...]:
        """Draw the same for a G step, if it has the term."""
        return self.discriminator_draws(generator, discriminator, shape, rng) if self.generator_weight else ()

    def discriminator_penalty(self, step: DiscriminatorStep) -> Tensor:
        """Fill the term of D."""
        return self.weight * rotation_loss(step.discriminator, step.companion, step.batch.unlabelled, step.draws)

    def generator_penalty(self, step: GeneratorStep) -> Tensor | None:
        """Fill the term of G."""
        if not self.generator_weight:
            return None
        head = step.discriminator_companion
        return self.generator_weight * rotation_loss(step.discriminator, head, step.fake_images, step.draws)
