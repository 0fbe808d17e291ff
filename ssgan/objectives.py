"""What each player minimises, as functions without side effects of networks, images and noise.

Every function returns named terms; the player's cost is their sum. All randomness comes in as an argument, drawn by
:func:`draw_discriminator_noise` and :func:`draw_generator_noise` from an explicit generator.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ssgan.config import Objective
from ssgan.losses import ADVERSARIAL_LOSSES, labelled_loss, unlabelled_loss
from ssgan.networks.discriminator import Discriminator, Output
from ssgan.networks.generator import Generator
from ssgan.tricks import TrickSet


class DiscriminatorBatch(NamedTuple):
    """Scaled images of one D step: ``labelled`` with their ``labels``, and ``unlabelled``; n of each."""

    labelled: Tensor
    labels: Tensor
    unlabelled: Tensor


class DiscriminatorNoise(NamedTuple):
    """Randomness of one D step: z of the generated images, and the noise of D's layers on the whole batch."""

    z: Tensor
    layers: tuple[Tensor, ...]


class GeneratorNoise(NamedTuple):
    """Randomness of one G step: z, and the noise of D's layers on generated and on real images."""

    z: Tensor
    fake_layers: tuple[Tensor, ...]
    real_layers: tuple[Tensor, ...] | None


@dataclass(frozen=True)
class DiscriminatorPass:
    """What a term of D's cost may look at; images and D's outputs on them."""

    discriminator: Discriminator
    batch: DiscriminatorBatch
    fake_images: Tensor
    labelled: Output
    unlabelled: Output
    fake: Output


@dataclass(frozen=True)
class GeneratorPass:
    """What a term of G's cost may look at; images and D's outputs on them."""

    discriminator: Discriminator
    real_images: Tensor
    fake_images: Tensor
    fake: Output
    noise: GeneratorNoise

    @cached_property
    def real(self) -> Output:
        """D's output on the real images, a constant to G; computed when a technique asks for it."""
        if self.noise.real_layers is None:
            raise RuntimeError("a technique that looks at GeneratorPass.real must set uses_real_features")
        with torch.no_grad():
            return self.discriminator(self.real_images, self.noise.real_layers)


def draw_discriminator_noise(
    generator: Generator, discriminator: Discriminator, n: int, objective: Objective, rng: torch.Generator
) -> DiscriminatorNoise:
    """Noise for a D step with batches of n."""
    parts = 3 if objective.unlabelled_weight else 1
    return DiscriminatorNoise(generator.draw_z(n, rng), discriminator.draw_noise(parts * n, rng))


def draw_generator_noise(
    generator: Generator, discriminator: Discriminator, n: int, tricks: TrickSet, rng: torch.Generator
) -> GeneratorNoise:
    """Noise for a G step with batches of n."""
    z, fake = generator.draw_z(n, rng), discriminator.draw_noise(n, rng)
    return GeneratorNoise(z, fake, discriminator.draw_noise(n, rng) if tricks.uses_real_features else None)


def discriminator_terms(
    generator: Generator,
    discriminator: Discriminator,
    batch: DiscriminatorBatch,
    noise: DiscriminatorNoise,
    objective: Objective,
    tricks: TrickSet,
) -> dict[str, Tensor]:
    """The terms of D's cost: ``labelled``, ``unlabelled``, and those that techniques add.

    With ``unlabelled_weight`` 0 D is an ordinary classifier of the labelled images: the supervised-only baseline.
    """
    if not objective.unlabelled_weight:
        output = discriminator(batch.labelled, noise.layers)
        return {"labelled": labelled_loss(output.logits, batch.labels)}
    with torch.no_grad():
        fake_images = generator(noise.z)
    images = torch.cat([batch.labelled, batch.unlabelled, fake_images])
    # One pass over the three minibatches, which D keeps apart, is faster than three.
    output = discriminator(images, noise.layers, parts=3)
    labelled, unlabelled, fake = (
        Output(logits, features)
        for logits, features in zip(output.logits.chunk(3), output.features.chunk(3), strict=True)
    )
    terms = {
        "labelled": labelled_loss(labelled.logits, batch.labels),
        "unlabelled": objective.unlabelled_weight * unlabelled_loss(unlabelled.logits, fake.logits, tricks.real_target),
    }
    step = DiscriminatorPass(discriminator, batch, fake_images, labelled, unlabelled, fake)
    return add_terms(terms, tricks.discriminator_penalties(step))


def generator_terms(
    generator: Generator,
    discriminator: Discriminator,
    real_images: Tensor,
    noise: GeneratorNoise,
    objective: Objective,
    tricks: TrickSet,
) -> dict[str, Tensor]:
    """The terms of G's cost: ``adversarial``, or what techniques put in its place, and those that techniques add."""
    fake_images = generator(noise.z)
    fake = discriminator(fake_images, noise.fake_layers)
    step = GeneratorPass(discriminator, real_images, fake_images, fake, noise)
    terms = tricks.generator_objectives(step)
    if not terms:
        terms = {"adversarial": ADVERSARIAL_LOSSES[objective.generator_loss](fake.logits)}
    return add_terms(terms, tricks.generator_penalties(step))


def add_terms(terms: dict[str, Tensor], more: dict[str, Tensor]) -> dict[str, Tensor]:
    """All terms; those of the same name, as of a technique that fills several seams, are summed."""
    return terms | {name: terms[name] + term if name in terms else term for name, term in more.items()}


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Treat a network's parameters as constants, so that no gradient is computed for them."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)
