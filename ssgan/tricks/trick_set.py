"""All selected techniques as one: how their seams combine."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from ssgan.errors import ConfigError
from ssgan.tricks.base import Trick

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from ssgan.networks.architecture import Architecture
    from ssgan.networks.discriminator import Discriminator
    from ssgan.networks.generator import Generator
    from ssgan.steps import DiscriminatorStep, GeneratorStep


#: The methods that a technique may override.
SEAMS = tuple(name for name, value in vars(Trick).items() if callable(value) and not name.startswith("_"))


class TrickSet:
    """The selected techniques by name, in alphabetical order whatever order they were given in.

    Raises:
        ConfigError: if an entry is not a :class:`Trick` or fills no seam, or if two fill a seam that takes only one.
    """

    def __init__(self, tricks: Mapping[str, Trick] | None = None) -> None:
        self._tricks = dict(sorted((tricks or {}).items()))
        for name, trick in self._tricks.items():
            if not isinstance(trick, Trick):
                raise ConfigError(f"trick.{name} is a {type(trick).__name__}, not an ssgan.tricks.Trick")
            if name not in self._filling(*SEAMS):
                _refuse_without_effect(name, trick)
        for seam, place in (("generator_norm", "G's normalisation"), ("discriminator_weight_scale", "D's weight norm")):
            if len(filling := self._filling(seam)) > 1:
                raise ConfigError(f"tricks {' and '.join(filling)} both replace {place}; choose one of them")

    @property
    def names(self) -> list[str]:
        """Names of the selected techniques."""
        return list(self._tricks)

    @property
    def supervised_names(self) -> list[str]:
        """Names of those that have an effect on a D that learns from the labels alone: on its layers or parameters."""
        return self._filling("discriminator_head", "discriminator_weight_scale", "parameter_penalty")

    @property
    def real_target(self) -> float:
        """Target of real images in D's real/fake loss; 1 unless a technique moves it."""
        return math.prod(trick.real_target() for trick in self._tricks.values())

    @property
    def uses_real_features(self) -> bool:
        """Whether G's step needs D's features of real images."""
        return any(trick.uses_real_features for trick in self._tricks.values())

    @property
    def memory_options(self) -> list[str]:
        """Names of the options that take less memory when they are smaller."""
        return [f"trick.{name}.{option}" for name, trick in self._tricks.items() for option in trick.memory_options]

    def generator_norm(self, channels: int, batch_size: int) -> nn.Module:
        """Normalisation layer for G: the selected technique's, else batch normalisation with shift and no scale."""
        from ssgan.layers import BatchNorm

        norms = self._collect(lambda trick: trick.generator_norm(channels, batch_size))
        norm: Any = next(iter(norms.values())) if norms else BatchNorm(channels)
        norm.asked = self._filling("generator_norm")  # for left_out
        return norm

    def generator_companions(
        self, architecture: Architecture, image_shape: tuple[int, int, int]
    ) -> dict[str, nn.Module]:
        """Networks that learn with G."""
        return self._collect(lambda trick: trick.generator_companion(architecture, image_shape))

    def discriminator_heads(self, num_features: int, batch_size: int) -> dict[str, nn.Module]:
        """Layers whose outputs are concatenated to ``f(x)`` before D's last layer."""
        return self._collect(lambda trick: trick.discriminator_head(num_features, batch_size))

    def discriminator_companions(self, num_features: int, image_shape: tuple[int, int, int]) -> dict[str, nn.Module]:
        """Networks that learn with D."""
        return self._collect(lambda trick: trick.discriminator_companion(num_features, image_shape))

    def discriminator_weight_scale(self, shape: Sequence[int]) -> nn.Module | None:
        """What takes the place of weight norm in a layer of D; None if no technique gives it."""
        scales = self._collect(lambda trick: trick.discriminator_weight_scale(shape))
        return next(iter(scales.values()), None)

    def left_out(self, generator: Generator, discriminator: Discriminator, batch_size: int) -> list[str]:
        """Names of the techniques whose layers an architecture was given and did not put into its networks."""
        heads = self.discriminator_heads(discriminator.num_features, batch_size).keys() - discriminator.heads.keys()
        asked = {name for module in generator.modules() for name in getattr(module, "asked", ())}
        return sorted(heads | ({*self._filling("generator_norm")} - asked))

    def discriminator_draws(
        self, generator: Generator, discriminator: Discriminator, shape: Sequence[int], rng: torch.Generator
    ) -> dict[str, tuple[Tensor, ...]]:
        """What techniques draw for a D step, of those that draw something."""
        return self._collect_draws(lambda trick: trick.discriminator_draws(generator, discriminator, shape, rng), shape)

    def generator_draws(
        self, generator: Generator, discriminator: Discriminator, shape: Sequence[int], rng: torch.Generator
    ) -> dict[str, tuple[Tensor, ...]]:
        """What techniques draw for a G step, of those that draw something."""
        return self._collect_draws(lambda trick: trick.generator_draws(generator, discriminator, shape, rng), shape)

    def generator_objectives(self, step: GeneratorStep) -> dict[str, Tensor]:
        """Terms that stand in for the adversarial loss; empty if no technique replaces it."""
        return self._collect_terms(lambda trick, its: trick.generator_objective(its), step)

    def generator_penalties(self, step: GeneratorStep) -> dict[str, Tensor]:
        """Terms added to G's objective."""
        return self._collect_terms(lambda trick, its: trick.generator_penalty(its), step)

    def discriminator_objectives(self, step: DiscriminatorStep) -> dict[str, Tensor]:
        """Terms that stand in for D's loss on unlabelled and generated images; empty if no technique replaces it."""
        return self._collect_terms(lambda trick, its: trick.discriminator_objective(its), step)

    def discriminator_penalties(self, step: DiscriminatorStep) -> dict[str, Tensor]:
        """Terms added to D's objective."""
        return self._collect_terms(lambda trick, its: trick.discriminator_penalty(its), step)

    def parameter_penalties(self, parameters: Sequence[Tensor]) -> dict[str, nn.Module]:
        """Penalties on one player's parameters, with their state."""
        return self._collect(lambda trick: trick.parameter_penalty(parameters))

    def _filling(self, *seams: str) -> list[str]:
        """Names of the techniques that override one of these seams."""
        return [
            name
            for name, trick in self._tricks.items()
            if any(getattr(type(trick), seam) is not getattr(Trick, seam) for seam in seams)
        ]

    def _collect_terms(self, seam: Callable[[Trick, Any], Any], step: Any) -> dict[str, Any]:
        terms = {name: seam(trick, step.handed_to(name)) for name, trick in self._tricks.items()}
        terms = {name: term for name, term in terms.items() if term is not None}
        for name, term in terms.items():
            if getattr(term, "ndim", None) != 0:
                what = f"one of shape {list(term.shape)}" if hasattr(term, "shape") else f"{term!r}"
                raise ConfigError(f"trick.{name}: a term is a tensor without dimensions, not {what}")
        return terms

    def _collect_draws(self, seam: Callable[[Trick], Any], shape: Sequence[int]) -> dict[str, Any]:
        def rows(tensor: Any) -> tuple[int, ...]:
            return tuple(getattr(tensor, "shape", ())[:1])

        drawn = self._collect(seam)
        for name, draws in drawn.items():
            if not isinstance(draws, tuple) or any(rows(tensor) != (shape[0],) for tensor in draws):
                raise ConfigError(f"trick.{name}: draws are a tuple of tensors of {shape[0]} rows each, one an image")
        return {name: draws for name, draws in drawn.items() if draws}

    def _collect(self, seam: Callable[[Trick], Any]) -> dict[str, Any]:
        filled = {name: seam(trick) for name, trick in self._tricks.items()}
        return {name: value for name, value in filled.items() if value is not None}


def _refuse_without_effect(name: str, trick: Trick) -> None:
    """Refuse a technique that overrides nothing of :class:`Trick`, such as one whose method is misspelt."""
    own = [method for method, value in vars(type(trick)).items() if callable(value) and not method.startswith("_")]
    near = {method: close[0] for method in own if (close := get_close_matches(method, SEAMS, n=1))}
    hint = "".join(f"; is {method} meant to be {seam}?" for method, seam in near.items())
    raise ConfigError(f"trick.{name}: {type(trick).__name__} overrides no method of ssgan.tricks.Trick{hint}")
