"""What one step of a player works on: its images, its randomness, and D's outputs on them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from ssgan.networks.discriminator import Discriminator, Output


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
