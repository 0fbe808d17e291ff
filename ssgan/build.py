"""From a typed configuration to the networks and their training module."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from ssgan.config import TrainConfig
from ssgan.errors import ConfigError
from ssgan.layers import NoiseLayer, NoisySequential, PixelScale
from ssgan.module import SemiSupervisedGAN
from ssgan.networks import Architecture
from ssgan.networks.discriminator import Discriminator
from ssgan.networks.generator import Generator
from ssgan.training.members import Members
from ssgan.training.penalties import ParameterPenalties
from ssgan.tricks import TrickSet
from ssgan.version import __version__

#: What the log calls the sum of the terms, and the attributes of modules that hold others by the techniques' names.
TAKEN = {"loss", *dir(nn.ModuleDict()), *dir(ParameterPenalties)}


def build_players(
    architecture: Architecture,
    tricks: TrickSet,
    image_shape: tuple[int, int, int],
    num_classes: int,
    batch_size: int,
) -> tuple[Generator, Discriminator, nn.ModuleDict]:
    """Both networks with what the techniques change in them; start values not yet set.

    Args:
        architecture: of both.
        tricks: the techniques.
        image_shape: (channels, height, width).
        num_classes: K.
        batch_size: images of each kind in a step.

    Returns:
        G, D, and the networks of techniques that learn with G, by the techniques' names.

    Raises:
        ConfigError: the architecture leaves out a technique's layer or noise, or a technique's name is taken.
    """
    if taken := sorted(TAKEN.intersection(tricks.names)):
        raise ConfigError(f"trick.{taken[0]}: techniques cannot have this name; give it another one")
    discriminator = architecture.build_discriminator(image_shape, num_classes, tricks, batch_size)
    discriminator.scale_weights(tricks.discriminator_weight_scale)
    discriminator.accompany(tricks.discriminator_companions(discriminator.num_features, image_shape))
    if discriminator.reference_size:  # room for what a checkpoint brings
        discriminator.set_reference(torch.zeros(discriminator.reference_size, *image_shape))
    generator = architecture.build_generator(image_shape, tricks, batch_size)
    _check_noise(generator, discriminator)
    if left_out := tricks.left_out(generator, discriminator, batch_size):
        raise ConfigError(
            f"trick.{left_out[0]} changes nothing in {type(architecture).__name__}: its networks lack the layer that"
            " tricks.discriminator_heads or tricks.generator_norm gives them"
        )
    return generator, discriminator, nn.ModuleDict(tricks.generator_companions(architecture, image_shape))


def _check_noise(generator: Generator, discriminator: Discriminator) -> None:
    """Refuse noise layers that nothing would give noise to; a body that draws for itself knows its own."""
    body: Any = discriminator.body
    if not hasattr(body, "draw_noise"):
        raise ConfigError(f"model: D's body is a {type(body).__name__} and must be an ssgan.layers.NoisySequential")
    own = type(body).draw_noise is not NoisySequential.draw_noise
    reached = {layer for layer in body.modules() if isinstance(layer, NoiseLayer)} if own else {*body.noise_layers()}
    for player, network in (("D's body", body), ("G", generator)):
        for name, layer in network.named_modules():
            if isinstance(layer, NoiseLayer) and layer not in reached:
                raise ConfigError(
                    f"model: the {type(layer).__name__} {name} of {player} gets no noise; it has to lie in D's body, or"
                    " in an ssgan.layers.NoisySequential there"
                )


def build_model(
    config: TrainConfig, image_shape: tuple[int, int, int], classes: Sequence[str], num_labels: int
) -> SemiSupervisedGAN:
    """The networks, an ensemble's stacked, and their training module; start values not yet set.

    Args:
        config: of the run.
        image_shape: (channels, height, width).
        classes: names of the K classes.
        num_labels: labelled images, for the description that checkpoints carry.
    """
    members = Members(config.run.ensemble)
    built = []
    for i in range(members.count or 1):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.run.seed + i)  # of layers of one's own that draw when they are made
            built.append(build_players(config.model, config.tricks, image_shape, len(classes), config.data.batch_size))
    generator, discriminator, companions = map(members.together, zip(*built, strict=True))
    return SemiSupervisedGAN(
        generator,
        discriminator,
        companions,
        PixelScale(config.model.pixel_offset, config.model.pixel_divisor),
        config.tricks,
        config.objective,
        config.optim,
        members=members,
        seed=config.run.seed,
        augmentation=config.data.augment,
        log_every=config.trainer.log_every,
        cuda_graphs=config.trainer.cuda_graphs,
        description={
            "version": __version__,
            "config": config.resolved,
            "classes": list(map(str, classes)),  # NumPy's texts would not be read again
            "image_shape": list(image_shape),
            "num_labels": num_labels,
        },
    )
