"""The start of a run: all values that both players have before the first step."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssgan.layers import DataInitialised, initialise_from_data
from ssgan.networks.discriminator import Discriminator
from ssgan.networks.generator import Generator
from ssgan.networks.weights import initialise_weights


@torch.no_grad()
def initialise_players(
    generator: Generator, discriminator: Discriminator, companions: nn.ModuleDict, images: Tensor, seed: int
) -> None:
    """Draw weights and the techniques' reference batches from the seed, then set gains and biases from data.

    Args:
        generator: G, in place.
        discriminator: D, in place.
        companions: networks of techniques that learn with G, in place; those that learn with D are D's.
        images: scaled training images (the recipes: 500) ``[n, channels, height, width]``, on the CPU, so that the
            start values do not depend on the device.
        seed: of weights, references, and the noise of the pass over the images.
    """
    rng = torch.Generator().manual_seed(seed)
    generator.draw_parameters(rng)
    discriminator.draw_parameters(rng)
    generator.set_reference(rng)
    if discriminator.reference_size:
        of_few = torch.arange(discriminator.reference_size) % len(images)  # repeated, where they do not suffice
        discriminator.set_reference(images[of_few])
    initialise_weights(companions, generator.weight_init, rng)
    z = generator.draw_z(len(images), rng)
    initialise_from_data(generator, z)
    for companion in companions.values():
        initialise_from_data(companion, generator(z))
    noise = discriminator.draw_noise(len(images), rng)
    initialise_from_data(discriminator, images, noise)
    for companion in discriminator.companions.values():
        if any(isinstance(layer, DataInitialised) for layer in companion.modules()):
            initialise_from_data(companion, discriminator(images, noise).features)
