"""Noise layers whose noise is an argument.

A network draws the noise for a batch beforehand (:meth:`NoisySequential.draw_noise`) and is then a deterministic
function of images and noise. Without noise it is in its inference mode.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import islice

import torch
from torch import Tensor, nn

from ssgan.layers.memory_format import channels_last


class NoiseLayer(nn.Module, ABC):
    """A layer that perturbs its input by given noise of shape ``[n, *shape]``."""

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        self.shape = tuple(shape)

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """Noise for n examples, on the generator's device; of images, in the order in which a network has them."""
        if len(self.shape) < 3:
            return self.fill(torch.empty(n, *self.shape, device=generator.device), generator)
        channels, *size = self.shape
        return self.fill(torch.empty(n, *size, channels, device=generator.device), generator).movedim(-1, 1)

    @abstractmethod
    def fill(self, noise: Tensor, generator: torch.Generator) -> Tensor:
        """Fill a tensor with noise and return it."""

    @abstractmethod
    def perturb(self, x: Tensor, noise: Tensor) -> Tensor:
        """Apply the noise."""

    def forward(self, x: Tensor, noise: Tensor | None) -> Tensor:
        """Perturb ``x``; without noise, return it unchanged. Images stay channels last, of a single channel too."""
        if noise is None:
            return x
        perturbed = self.perturb(x, noise)
        return perturbed if len(self.shape) < 3 else channels_last(perturbed)


class GaussianNoise(NoiseLayer):
    """Adds noise of N(0, std²)."""

    def __init__(self, shape: Sequence[int], std: float) -> None:
        super().__init__(shape)
        self.std = std

    def fill(self, noise: Tensor, generator: torch.Generator) -> Tensor:
        """Draw ``std · N(0, 1)``."""
        return noise.normal_(0, self.std, generator=generator)

    def perturb(self, x: Tensor, noise: Tensor) -> Tensor:
        """``x + noise``."""
        return x + noise

    def extra_repr(self) -> str:
        """Describe the layer."""
        return f"std={self.std}"


class Dropout(NoiseLayer):
    """Sets each value to 0 with probability ``p`` and divides the others by 1 − p."""

    def __init__(self, shape: Sequence[int], p: float) -> None:
        super().__init__(shape)
        self.p = p

    def fill(self, noise: Tensor, generator: torch.Generator) -> Tensor:
        """Draw the values' factors, 0 or 1/(1 − p); a CPU takes four times as long for ``bernoulli_``."""
        return noise.uniform_(generator=generator).lt_(1 - self.p).div_(1 - self.p)

    def perturb(self, x: Tensor, noise: Tensor) -> Tensor:
        """``x · noise``."""
        return x * noise

    def extra_repr(self) -> str:
        """Describe the layer."""
        return f"p={self.p}"


class NoisySequential(nn.Sequential):
    """Layers in sequence, of which some take noise: noise layers, and sequences that hold some."""

    def noise_layers(self) -> Iterator[NoiseLayer]:
        """The layers that take noise, in order."""
        for layer in self:
            if isinstance(layer, NoiseLayer):
                yield layer
            elif isinstance(layer, NoisySequential):
                yield from layer.noise_layers()

    def draw_noise(self, n: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Noise for a batch of n, one tensor for each noise layer in order."""
        return tuple(layer.draw(n, generator) for layer in self.noise_layers())

    def forward(self, x: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        """Apply the layers; without noise the noise layers pass their input on."""
        draws = iter(noise) if noise is not None else None
        for layer in self:
            if isinstance(layer, NoiseLayer):
                x = layer(x, next(draws) if draws is not None else None)
            elif isinstance(layer, NoisySequential):
                x = layer(x, tuple(islice(draws, len([*layer.noise_layers()]))) if draws is not None else None)
            else:
                x = layer(x)
        return x


class ChannelsLastSequential(NoisySequential):
    """Layers in sequence that keep images channels last."""

    def forward(self, x: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        """Apply the layers to ``[n, c, h, w]``."""
        return super().forward(channels_last(x), noise)
