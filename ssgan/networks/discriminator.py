"""The K+1-class discriminator: what its architectures share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ssgan.layers import NoiseLayer, NoisySequential, WeightNormConv2d, WeightNormLinear
from ssgan.networks.weights import SMALL_NORMAL, WeightInit, initialise_weights


class Output(NamedTuple):
    """What D returns: the K ``logits`` ``[n, K]`` and the ``features`` ``f(x)`` ``[n, features]``."""

    logits: Tensor
    features: Tensor


class Discriminator(nn.Module):
    """A K-class classifier whose (K+1)-th logit, "generated", is fixed at 0.

    Args:
        body: images → ``f(x)``, ``[n, num_features]``.
        num_features: width of ``f(x)``.
        num_classes: K.
        heads: layers that compute further features from ``f(x)`` for the last layer, by name.
        feature_noise: noise on ``f(x)`` before the last layer.
        init_std: standard deviation of the logits after data-dependent initialisation.
        weight_init: start values of the weights.
    """

    def __init__(
        self,
        body: NoisySequential,
        num_features: int,
        num_classes: int,
        heads: Mapping[str, nn.Module],
        feature_noise: NoiseLayer | None = None,
        init_std: float = 1.0,
        weight_init: WeightInit = SMALL_NORMAL,
    ) -> None:
        super().__init__()
        self.weight_init = weight_init
        self.num_features = num_features
        self.body = body
        self.feature_noise = NoisySequential(*[feature_noise] if feature_noise is not None else [])
        self.heads = nn.ModuleDict(dict(heads))
        further: list[Any] = list(heads.values())
        width = num_features + sum(head.out_features for head in further)
        self.classifier = WeightNormLinear(width, num_classes, trainable_gain=True, init_std=init_std)
        self.companions = nn.ModuleDict()
        self.reference_size: int = max((getattr(head, "reference_size", 0) for head in heads.values()), default=0)

    def scale_weights(self, weight_scale: Callable[[Sequence[int]], nn.Module | None]) -> None:
        """Give each layer what takes the place of its weight norm, by its weight's shape; None keeps weight norm."""
        for layer in list(self.modules()):
            if isinstance(layer, WeightNormLinear | WeightNormConv2d):
                layer.weight_scale = weight_scale(layer.weight.shape)

    def accompany(self, companions: Mapping[str, nn.Module]) -> None:
        """Take up networks of techniques that learn with D, by the techniques' names."""
        self.companions.update(companions)

    def companion(self, trick: str) -> nn.Module | None:
        """That technique's network."""
        return dict(self.companions.items()).get(trick)

    def set_reference(self, images: Tensor) -> None:
        """Keep the real images, scaled, with which the heads compare an example at inference.

        Args:
            images: ``[reference_size, channels, height, width]``; saved with the model.
        """
        self.register_buffer("reference", images.clone())

    def draw_noise(self, n: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        """Noise for a batch of n, for :meth:`forward`."""
        return self.body.draw_noise(n, generator) + self.feature_noise.draw_noise(n, generator)

    def draw_parameters(self, generator: torch.Generator) -> None:
        """Draw the start values of the weights."""
        initialise_weights(self, self.weight_init, generator)

    def forward(self, images: Tensor, noise: Sequence[Tensor] | None = None, parts: int = 1) -> Output:
        """Classify a batch.

        Args:
            images: ``[n, channels, height, width]``, scaled.
            noise: from :meth:`draw_noise`. None means inference: no noise, and no influence of one example of the
                batch on another.
            parts: the batch is this many minibatches of equal size end to end, which heads keep apart.
        """
        body_noise = last_noise = None
        if noise is not None:
            split = len(noise) - len([*self.feature_noise.noise_layers()])
            body_noise, last_noise = noise[:split], noise[split:]
        features = self.body(images, body_noise)
        columns = [self.feature_noise(features, last_noise)]
        if self.heads:
            minibatches = features.view(parts, -1, features.shape[1])
            reference = None
            if noise is None:
                reference = self.body(self.reference) if self.reference_size else features[:0]
            for head in self.heads.values():
                own = None if reference is None else reference[: getattr(head, "reference_size", 0)]
                columns.append(head(minibatches, own).flatten(0, 1))
        return Output(self.classifier(torch.cat(columns, 1) if len(columns) > 1 else columns[0]), features)
