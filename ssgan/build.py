"""From a typed configuration to the networks and their training module."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ssgan.config import TrainConfig
from ssgan.layers import PixelScale
from ssgan.module import SemiSupervisedGAN
from ssgan.training.members import Members
from ssgan.version import __version__


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
    model, batch_size, members = config.model, config.data.batch_size, Members(config.run.ensemble)
    discriminator = model.build_discriminator(image_shape, len(classes), config.tricks, batch_size)
    discriminator.accompany(config.tricks.discriminator_companions(discriminator.num_features, image_shape))
    if discriminator.reference_size:  # room for what a checkpoint brings
        discriminator.set_reference(torch.zeros(discriminator.reference_size, *image_shape))
    generator = model.build_generator(image_shape, config.tricks, batch_size)
    companions = nn.ModuleDict(config.tricks.generator_companions(model, image_shape))
    return SemiSupervisedGAN(
        members.copies_of(generator),
        members.copies_of(discriminator),
        members.copies_of(companions),
        PixelScale(model.pixel_offset, model.pixel_divisor),
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
            "classes": list(classes),
            "image_shape": list(image_shape),
            "num_labels": num_labels,
        },
    )
