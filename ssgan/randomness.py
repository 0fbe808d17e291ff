"""The explicit random generators of a run: all noise of its steps, and the augmentation of its images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ssgan.data.augment import augment
from ssgan.data.options import Augmentation
from ssgan.errors import ConfigError
from ssgan.layers import WHOLE, Share
from ssgan.members import ONE, Members


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


def _generator(seed: int, device: torch.device | str) -> torch.Generator:
    # The third number keeps the noise apart from the order of the images, whose key is the seed and the epoch.
    entropy = np.random.SeedSequence([seed, 0, 1]).generate_state(1, np.uint64)
    return torch.Generator(device).manual_seed(int(entropy[0] >> np.uint64(1)))
