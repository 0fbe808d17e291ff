"""What each player minimises, as functions without side effects of networks, images and noise.

Every function returns named terms; the player's cost is their sum. All randomness comes in as an argument, drawn by
:mod:`ssgan.training.randomness`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ssgan.layers import constant_weights
from ssgan.losses import ADVERSARIAL_LOSSES, labelled_loss, unlabelled_loss
from ssgan.networks.discriminator import Discriminator, Output
from ssgan.networks.generator import Generator
from ssgan.steps import (
    MINIBATCHES,
    DiscriminatorBatch,
    DiscriminatorNoise,
    DiscriminatorStep,
    GeneratorNoise,
    GeneratorStep,
)
from ssgan.training_options import Objective
from ssgan.tricks import TrickSet


def discriminator_terms(
    generator: Generator,
    discriminator: Discriminator,
    average: nn.Module,
    batch: DiscriminatorBatch,
    noise: DiscriminatorNoise,
    objective: Objective,
    tricks: TrickSet,
    progress: Tensor | float = 1.0,
) -> dict[str, Tensor]:
    """The terms of D's cost: ``labelled``, ``unlabelled`` or what techniques put in its place, and what they add.

    ``average`` is D with its averaged weights, and ``progress`` the part of the run that is done, for techniques that
    look at them. With ``unlabelled_weight`` 0 D is an ordinary classifier of the labelled images: the supervised-only
    baseline.
    """
    if not objective.unlabelled_weight:
        output = discriminator(batch.labelled, noise.layers)
        return {"labelled": objective.labelled_weight * labelled_loss(output.logits, batch.labels)}
    with torch.no_grad():
        fake_images = generator(noise.z)
    images = torch.cat([batch.labelled, batch.unlabelled, fake_images])
    # One pass over the three minibatches, which D keeps apart, is faster than three.
    count = len(MINIBATCHES)
    output = discriminator(images, noise.layers, parts=count)
    parts = zip(output.logits.chunk(count), output.features.chunk(count), strict=True)
    labelled, unlabelled, fake = (Output(logits, features) for logits, features in parts)
    step = DiscriminatorStep(
        generator=generator,
        discriminator=discriminator,
        average=average,
        batch=batch,
        noise=noise,
        fake_images=fake_images,
        labelled=labelled,
        unlabelled=unlabelled,
        fake=fake,
        progress=progress,
    )
    terms = {"labelled": objective.labelled_weight * labelled_loss(labelled.logits, batch.labels)}
    unsupervised = tricks.discriminator_objectives(step)
    if not unsupervised:
        unsupervised = {"unlabelled": unlabelled_loss(unlabelled.logits, fake.logits, tricks.real_target)}
    terms = add_terms(terms, {name: objective.unlabelled_weight * term for name, term in unsupervised.items()})
    return add_terms(terms, tricks.discriminator_penalties(step))


def generator_terms(
    generator: Generator,
    discriminator: Discriminator,
    companions: nn.ModuleDict,
    real_images: Tensor,
    noise: GeneratorNoise,
    objective: Objective,
    tricks: TrickSet,
    progress: Tensor | float = 1.0,
) -> dict[str, Tensor]:
    """The terms of G's cost: ``adversarial``, or what techniques put in its place, and those that techniques add.

    ``companions`` are the networks of techniques that learn with G, by the techniques' names, and ``progress`` the part
    of the run that is done.
    """
    fake_images = generator(noise.z)
    fake = discriminator(fake_images, noise.fake_layers)
    step = GeneratorStep(
        generator=generator,
        discriminator=discriminator,
        companions=dict(companions.items()),
        real_images=real_images,
        fake_images=fake_images,
        fake=fake,
        noise=noise,
        progress=progress,
    )
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
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for parameter in learning:
        parameter.requires_grad_(False)
    try:
        with constant_weights():
            yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)
