"""What one step of a player works on: its images, its randomness, and D's outputs on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ssgan.errors import ConfigError
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


@dataclass(frozen=True, kw_only=True)
class Step:
    """What a term of either player's cost may look at; images, and D's outputs on them.

    ``progress`` is the part of the run's iterations that is done, from 0, for weights that rise; ``draws`` is what the
    technique that is being asked, ``trick``, drew for this step, and ``companion`` its own network, which learns with
    the player.
    """

    generator: Generator
    discriminator: Discriminator
    fake_images: Tensor
    fake: Output
    progress: Tensor | float = 1.0
    draws: tuple[Tensor, ...] = ()
    companion: Any = None
    trick: str = ""
    once: dict[str, Output] = field(default_factory=dict, repr=False)  # computed for whoever asks first

    def computed_once(self, name: str, compute: Callable[[], Output]) -> Output:
        """What ``compute`` returns, the same for all techniques that ask for it."""
        if name not in self.once:
            self.once[name] = compute()
        return self.once[name]


@dataclass(frozen=True, kw_only=True)
class DiscriminatorStep(Step):
    """What a term of D's cost may look at.

    ``average`` is the network whose weights are the exponential average of D's. The draws are those of
    :meth:`ssgan.tricks.Trick.discriminator_draws`.
    """

    average: nn.Module
    batch: DiscriminatorBatch
    noise: DiscriminatorNoise
    labelled: Output
    unlabelled: Output

    @property
    def averaged_unlabelled(self) -> Output:
        """The averaged network on the unlabelled images, with the noise that D's layers had there; a constant."""
        images, layers = self.batch.unlabelled, self.layers_on("unlabelled")
        return self.computed_once("averaged_unlabelled", lambda: self.averaged_on(images, layers))

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
        return replace(self, draws=draws, companion=companion, trick=trick)


@dataclass(frozen=True, kw_only=True)
class GeneratorStep(Step):
    """What a term of G's cost may look at.

    ``companions`` are the networks of techniques that learn with G, by name; ``discriminator_companion`` is the network
    of the technique that is being asked that learns with D. The draws are those of
    :meth:`ssgan.tricks.Trick.generator_draws`.
    """

    companions: Mapping[str, Any]
    real_images: Tensor
    noise: GeneratorNoise
    discriminator_companion: Any = None

    @property
    def real(self) -> Output:
        """D's output on the real images, a constant to G; computed when a technique asks for it.

        Raises:
            ConfigError: the technique has not said that it would.
        """
        layers = self.noise.real_layers
        if layers is None:
            raise ConfigError(f"trick.{self.trick}: to look at step.real, set uses_real_features = True")
        with torch.no_grad():
            return self.computed_once("real", lambda: self.discriminator(self.real_images, layers))

    def handed_to(self, trick: str) -> GeneratorStep:
        """The step as that technique gets it, with its draws and its companions."""
        draws, companion = self.noise.draws.get(trick, ()), self.companions.get(trick)
        with_d = self.discriminator.companion(trick)
        return replace(self, draws=draws, companion=companion, discriminator_companion=with_d, trick=trick)
