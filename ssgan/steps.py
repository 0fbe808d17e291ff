"""What one step of a player works on: its images, its randomness, and D's outputs on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ssgan.networks.discriminator import Discriminator, Output
from ssgan.networks.generator import Generator

#: The minibatches of a D step, in the order in which D sees them.
MINIBATCHES = ("labelled", "unlabelled", "fake")


class DiscriminatorBatch(NamedTuple):
    """Scaled images of one D step: ``labelled`` with their ``labels``, and ``unlabelled``; n of each."""

    labelled: Tensor
    labels: Tensor
    unlabelled: Tensor


class DiscriminatorNoise(NamedTuple):
    """Randomness of one D step: z of the generated images, noise of D's layers on all parts, techniques' draws."""

    z: Tensor
    layers: tuple[Tensor, ...]
    draws: Mapping[str, tuple[Tensor, ...]]


class GeneratorNoise(NamedTuple):
    """Randomness of one G step: z, noise of D's layers on generated and on real images, techniques' draws by name."""

    z: Tensor
    fake_layers: tuple[Tensor, ...]
    real_layers: tuple[Tensor, ...] | None
    draws: Mapping[str, tuple[Tensor, ...]]


@dataclass(frozen=True)
class DiscriminatorStep:
    """What a term of D's cost may look at; images and D's outputs on them.

    ``average`` is the network whose weights are the exponential average of D's; ``progress`` the part of the run's
    iterations that is done, from 0, for weights that rise; ``draws`` is what the technique that is being asked drew by
    :meth:`ssgan.tricks.Trick.discriminator_draws`, and ``companion`` its own network.
    """

    generator: Generator
    discriminator: Discriminator
    average: nn.Module
    batch: DiscriminatorBatch
    noise: DiscriminatorNoise
    fake_images: Tensor
    labelled: Output
    unlabelled: Output
    fake: Output
    progress: Tensor | float = 1.0
    draws: tuple[Tensor, ...] = ()
    companion: Any = None
    once: dict[str, Output] = field(default_factory=dict, repr=False)  # computed for whoever asks first

    @property
    def averaged(self) -> Output:
        """The averaged network on the unlabelled images, with the noise that D's layers had there; a constant."""
        if "averaged" not in self.once:
            self.once["averaged"] = self.averaged_on(self.batch.unlabelled, self.layers_on("unlabelled"))
        return self.once["averaged"]

    @torch.no_grad()
    def averaged_on(self, images: Tensor, layers: tuple[Tensor, ...]) -> Output:
        """The averaged network on other images, with noise for D's layers; a constant."""
        output: Output = self.average(images, layers)
        return output

    def layers_on(self, part: str) -> tuple[Tensor, ...]:
        """The noise of D's layers on one of :data:`MINIBATCHES`, so that another pass can see the same noise."""
        return tuple(noise.chunk(len(MINIBATCHES))[MINIBATCHES.index(part)] for noise in self.noise.layers)

    def handed_to(self, trick: str) -> DiscriminatorStep:
        """The step as that technique gets it, with its draws and its companion."""
        draws, companion = self.noise.draws.get(trick, ()), self.discriminator.companion(trick)
        return replace(self, draws=draws, companion=companion)


@dataclass(frozen=True)
class GeneratorStep:
    """What a term of G's cost may look at; images and D's outputs on them.

    ``companions`` are the networks of techniques that learn with G, by name; ``progress`` is as in a D step. ``draws``
    is what the technique that is being asked drew by :meth:`ssgan.tricks.Trick.generator_draws`, ``companion`` its own
    network, and ``discriminator_companion`` the one that learns with D.
    """

    generator: Generator
    discriminator: Discriminator
    companions: Mapping[str, Any]
    real_images: Tensor
    fake_images: Tensor
    fake: Output
    noise: GeneratorNoise
    progress: Tensor | float = 1.0
    draws: tuple[Tensor, ...] = ()
    companion: Any = None
    discriminator_companion: Any = None
    once: dict[str, Output] = field(default_factory=dict, repr=False)  # computed for whoever asks first

    def handed_to(self, trick: str) -> GeneratorStep:
        """The step as that technique gets it, with its draws and its companions."""
        draws, companion = self.noise.draws.get(trick, ()), self.companions.get(trick)
        with_d = self.discriminator.companion(trick)
        return replace(self, draws=draws, companion=companion, discriminator_companion=with_d)

    @property
    def real(self) -> Output:
        """D's output on the real images, a constant to G; computed when a technique asks for it."""
        if self.noise.real_layers is None:
            raise RuntimeError("a technique that looks at GeneratorStep.real must set uses_real_features")
        if "real" not in self.once:
            with torch.no_grad():
                self.once["real"] = self.discriminator(self.real_images, self.noise.real_layers)
        return self.once["real"]
