"""The explicit random generators of a run: all noise of its steps, and the augmentation of its images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ssgan.augmentation import Augmentation
from ssgan.augmentation.moves import augment
from ssgan.errors import ConfigError
from ssgan.layers import WHOLE, Share
from ssgan.networks.discriminator import Discriminator
from ssgan.networks.generator import Generator
from ssgan.steps import MINIBATCHES, DiscriminatorNoise, GeneratorNoise
from ssgan.training.members import ONE, Members
from ssgan.training_options import Objective
from ssgan.tricks import TrickSet


class Randomness:
    """One generator for each member, on the training device.

    Every process draws what the whole batch needs and takes its share, so that the draws do not depend on their number.

    Args:
        seed: of the first member; member i has ``seed + i``.
        members: of an ensemble, or a single model.
        device: of the draws.
        share: of every batch that this process takes.
    """

    def __init__(
        self, seed: int, members: Members = ONE, device: torch.device | str = "cpu", share: Share = WHOLE
    ) -> None:
        self.members = members
        self.share = share
        self.generators = [_generator(seed + i, device) for i in range(members.count or 1)]

    def draw(self, draw: Callable[[torch.Generator, Share], Any]) -> Any:
        """What ``draw`` makes of each member's generator, stacked."""
        return self.members.gather(draw(generator, self.share) for generator in self.generators)

    def augment(self, pixels: Tensor, options: Augmentation) -> Tensor:
        """A batch, changed at random; itself where nothing may change."""
        if not options.changes:
            return pixels
        parts = zip(self.members.split(pixels), self.generators, strict=True)
        return self.members.gather(augment(x, options, rng, self.share) for x, rng in parts)

    def state(self) -> Tensor:
        """The generators' state, for a checkpoint."""
        return self.members.gather(generator.get_state() for generator in self.generators)

    def load(self, state: Tensor) -> None:
        """Go on from :meth:`state`.

        Raises:
            ConfigError: it is of generators on another kind of device.
        """
        for generator, own in zip(self.generators, self.members.split(state), strict=True):
            if own.shape != generator.get_state().shape:
                raise ConfigError("the checkpoint is from another kind of device; its random state does not fit here")
            generator.set_state(own.clone())  # torch reads it from the start of its memory, whatever view it is


def draw_discriminator_noise(
    generator: Generator,
    discriminator: Discriminator,
    shape: Sequence[int],
    objective: Objective,
    tricks: TrickSet,
    rng: torch.Generator,
    share: Share = WHOLE,
) -> DiscriminatorNoise:
    """Noise for a D step with batches of images of that shape ``[n, …]``; of the whole batch's noise the share."""
    whole = (shape[0] * share.processes, *shape[1:])
    n, parts = whole[0], len(MINIBATCHES) if objective.unlabelled_weight else 1
    z, layers = generator.draw_z(n, rng), discriminator.draw_noise(parts * n, rng)
    draws = tricks.discriminator_draws(generator, discriminator, whole, rng) if parts > 1 else {}
    return DiscriminatorNoise(share.of(z), tuple(share.of(noise, parts) for noise in layers), _shared(draws, share))


def draw_generator_noise(
    generator: Generator,
    discriminator: Discriminator,
    shape: Sequence[int],
    tricks: TrickSet,
    rng: torch.Generator,
    share: Share = WHOLE,
) -> GeneratorNoise:
    """Noise for a G step with batches of images of that shape ``[n, …]``; of the whole batch's noise the share."""
    whole = (shape[0] * share.processes, *shape[1:])
    n = whole[0]
    z, fake = generator.draw_z(n, rng), discriminator.draw_noise(n, rng)
    real = discriminator.draw_noise(n, rng) if tricks.uses_real_features else None
    draws = tricks.generator_draws(generator, discriminator, whole, rng)
    real = None if real is None else tuple(map(share.of, real))
    return GeneratorNoise(share.of(z), tuple(map(share.of, fake)), real, _shared(draws, share))


def _shared(draws: Mapping[str, tuple[Tensor, ...]], share: Share) -> dict[str, tuple[Tensor, ...]]:
    """The share of what techniques drew for a whole batch."""
    return {name: tuple(map(share.of, tensors)) for name, tensors in draws.items()}


def _generator(seed: int, device: torch.device | str) -> torch.Generator:
    # The third number keeps the noise apart from the order of the images, whose key is the seed and the epoch.
    entropy = np.random.SeedSequence([seed, 0, 1]).generate_state(1, np.uint64)
    return torch.Generator(device).manual_seed(int(entropy[0] >> np.uint64(1)))
