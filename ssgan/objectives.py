"""What each player minimises, as functions without side effects of networks, images and noise.

Every function returns named terms; the player's cost is their sum. All randomness comes in as an argument, drawn by
:func:`draw_discriminator_noise` and :func:`draw_generator_noise` from an explicit generator.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ssgan.config import Objective
from ssgan.layers import WHOLE, Share, constant_weights
from ssgan.losses import ADVERSARIAL_LOSSES, labelled_loss, unlabelled_loss
from ssgan.networks.discriminator import Discriminator, Output
from ssgan.networks.generator import Generator
from ssgan.passes import (
    DiscriminatorBatch,
    DiscriminatorNoise,
    DiscriminatorPass,
    GeneratorNoise,
    GeneratorPass,
)
from ssgan.tricks import TrickSet


def draw_discriminator_noise(
    generator: Generator,
    discriminator: Discriminator,
    n: int,
    objective: Objective,
    rng: torch.Generator,
    share: Share = WHOLE,
) -> DiscriminatorNoise:
    """Noise for a D step with batches of n; of the whole batch's noise the share."""
    parts, n = 3 if objective.unlabelled_weight else 1, n * share.processes
    z, layers = generator.draw_z(n, rng), discriminator.draw_noise(parts * n, rng)
    return DiscriminatorNoise(share.of(z), tuple(share.of(noise, parts) for noise in layers))


def draw_generator_noise(
    generator: Generator,
    discriminator: Discriminator,
    n: int,
    tricks: TrickSet,
    rng: torch.Generator,
    share: Share = WHOLE,
) -> GeneratorNoise:
    """Noise for a G step with batches of n; of the whole batch's noise the share."""
    n *= share.processes
    z, fake = generator.draw_z(n, rng), discriminator.draw_noise(n, rng)
    real = discriminator.draw_noise(n, rng) if tricks.uses_real_features else None
    return GeneratorNoise(share.of(z), tuple(map(share.of, fake)), None if real is None else tuple(map(share.of, real)))


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
        with constant_weights():
            yield
    finally:
        network.requires_grad_(True)
