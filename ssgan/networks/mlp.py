"""The dense networks of the permutation-invariant MNIST recipe."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial

from torch import nn

from ssgan.layers import BatchNorm, GaussianNoise, NoisySequential, Softplus, WeightNormLinear
from ssgan.networks.discriminator import Discriminator
from ssgan.networks.encoder import Encoder
from ssgan.networks.generator import Generator, NormFactory

#: Weights ~ N(0, 0.1²).
NORMAL = partial(nn.init.normal_, std=0.1)


class MLPGenerator(Generator):
    """z → (dense, norm, softplus) × hidden → dense with weight norm and trained gain, sigmoid → image in [0, 1].

    Weights are Glorot-uniform.
    """

    def __init__(self, image_shape: tuple[int, int, int], z_dim: int, hidden: Sequence[int], norm: NormFactory) -> None:
        layers = [
            nn.Sequential(nn.Linear(fan_in, width, bias=False), norm(width), Softplus())
            for fan_in, width in zip([z_dim, *hidden], hidden, strict=False)
        ]
        output = nn.Sequential(
            WeightNormLinear(hidden[-1], math.prod(image_shape), trainable_gain=True, init_std=None),
            nn.Sigmoid(),
            nn.Unflatten(1, image_shape),
        )
        super().__init__(z_dim, layers, output, nn.init.xavier_uniform_)


class MLPEncoder(Encoder):
    """(dense, batch norm, ReLU) × G's hidden layers, the last first → dense."""

    def __init__(self, image_shape: tuple[int, int, int], z_dim: int, hidden: Sequence[int]) -> None:
        widths = list(reversed(hidden))
        layers = [
            nn.Sequential(nn.Linear(fan_in, width, bias=False), BatchNorm(width), nn.ReLU())
            for fan_in, width in zip([math.prod(image_shape), *widths], widths, strict=False)
        ]
        super().__init__([nn.Flatten(), *layers], widths[-1], z_dim)


class MLPDiscriminator(Discriminator):
    """noise → (dense, ReLU, noise) × hidden → dense; ``f(x)`` is the last hidden layer before its noise."""

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        num_classes: int,
        hidden: Sequence[int],
        input_noise: float,
        hidden_noise: float,
        heads: Mapping[str, nn.Module],
    ) -> None:
        inputs = math.prod(image_shape)
        layers: list[nn.Module] = [nn.Flatten(), GaussianNoise([inputs], input_noise)]
        for i, (fan_in, width) in enumerate(zip([inputs, *hidden], hidden, strict=False)):
            if i:
                layers.append(GaussianNoise([fan_in], hidden_noise))
            layers += [WeightNormLinear(fan_in, width), nn.ReLU(inplace=True)]
        last_noise = GaussianNoise([hidden[-1]], hidden_noise)
        super().__init__(NoisySequential(*layers), hidden[-1], num_classes, heads, last_noise, weight_init=NORMAL)
