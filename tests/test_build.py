"""From a configuration to the networks: what techniques change in them, and what a checkpoint says of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import nn

import ssgan
from ssgan.build import build_model, build_players
from ssgan.errors import ConfigError
from ssgan.layers import BatchNorm, Dropout, GaussianNoise, MinibatchFeatures, NoisySequential, SpectralScale
from ssgan.layers import VirtualBatchNorm as VirtualBatchNormLayer
from ssgan.networks import MLP
from ssgan.networks.discriminator import Discriminator
from ssgan.networks.generator import Generator
from ssgan.tricks import RotationPrediction, SpectralNorm, Trick, TrickSet, VariationalEntropy
from tests.networks.small import HEAD, SMALL, VBN
from tests.runs import TINY, compose_run

SHAPE = (2, 9, 9)


@pytest.mark.parametrize("name", SMALL)
def test_every_network_that_techniques_bring_is_there(name: str) -> None:
    others = {"rotation": RotationPrediction(), "entropy": VariationalEntropy(), "spectral": SpectralNorm()}
    generator, discriminator, companions = build_players(SMALL[name], TrickSet({**others, **HEAD, **VBN}), SHAPE, 7, 6)
    kinds = [{type(module) for module in network.modules()} for network in (generator, discriminator)]
    assert VirtualBatchNormLayer in kinds[0] and {MinibatchFeatures, SpectralScale} <= kinds[1]
    assert list(companions) == ["entropy"] and discriminator.companion("rotation") is not None
    assert discriminator.reference.shape == (5, *SHAPE), "room for the others of a batch of six"
    assert generator(torch.rand(3, 5)).shape == (3, *SHAPE)
    assert discriminator(torch.rand(3, *SHAPE)).logits.shape == (3, 7)


def test_without_techniques_nothing_is_added() -> None:
    generator, discriminator, companions = build_players(SMALL["mlp"], TrickSet(), SHAPE, 7, 6)
    assert not len(companions) and not discriminator.reference_size and not discriminator.heads
    plain = (
        SMALL["mlp"].build_generator(SHAPE, TrickSet(), 6),
        SMALL["mlp"].build_discriminator(SHAPE, 7, TrickSet(), 6),
    )
    for built, expected in zip((generator, discriminator), plain, strict=True):
        assert built.state_dict().keys() == expected.state_dict().keys()


@dataclass(kw_only=True)
class Headless(MLP):
    """D leaves out what techniques give it."""

    def build_discriminator(self, image_shape, num_classes, tricks, batch_size):
        return super().build_discriminator(image_shape, num_classes, TrickSet(), batch_size)


def test_a_layer_that_an_architecture_leaves_out_is_named() -> None:
    own = Headless(z_dim=5, generator_hidden=[9], discriminator_hidden=[6])
    build_players(own, TrickSet(VBN), SHAPE, 7, 6)
    with pytest.raises(ConfigError, match=r"trick\.minibatch_discrimination changes nothing in Headless: ") as error:
        build_players(own, TrickSet({**HEAD, **VBN}), SHAPE, 7, 6)
    assert "\n" not in str(error.value)


class WidthDependent(Trick):
    """Group normalisation, whose groups must divide the channels, and none for few of them."""

    def generator_norm(self, channels: int, batch_size: int) -> nn.Module:
        return nn.GroupNorm(4, channels) if channels >= 8 else nn.Identity()


def test_a_norm_that_depends_on_the_width_is_taken() -> None:
    own = MLP(z_dim=5, generator_hidden=[8, 7], discriminator_hidden=[6])
    generator, *_ = build_players(own, TrickSet({"group_norm": WidthDependent()}), SHAPE, 7, 6)
    kinds = [type(module) for module in generator.modules()]
    assert kinds.count(nn.GroupNorm) == kinds.count(nn.Identity) == 1


@pytest.mark.parametrize("name", ["loss", "type", "items", "train", "training", "terms", "follow", "update"])
def test_a_name_that_is_taken_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"^trick\.{name}: techniques cannot have this name"):
        build_players(SMALL["mlp"], TrickSet({name: RotationPrediction()}), SHAPE, 7, 6)


@dataclass
class SometimesNorm(Trick):
    """Gives a norm in some of its settings."""

    def generator_norm(self, channels: int, batch_size: int) -> None:
        return None

    def discriminator_penalty(self, step):
        return step.unlabelled.logits.square().mean()


def test_a_technique_that_was_asked_for_a_norm_and_gives_none_is_taken() -> None:
    generator, *_ = build_players(SMALL["mlp"], TrickSet({"sometimes": SometimesNorm()}), SHAPE, 7, 6)
    assert BatchNorm in {type(module) for module in generator.modules()}


class OwnNoise(NoisySequential):
    """A body that gives its layers noise in its own way."""

    def draw_noise(self, n: int, generator: torch.Generator) -> tuple[torch.Tensor, ...]:
        return (self[1][0].draw(n, generator),)

    def forward(self, x: torch.Tensor, noise=None) -> torch.Tensor:
        return self[1][0](self[0](x), noise[0] if noise is not None else None)


def test_a_body_may_give_noise_in_its_own_way() -> None:
    body = OwnNoise(nn.Flatten(), nn.Sequential(Dropout([162], 0.5)))
    _, discriminator, _ = build_players(Built(body=body, hidden=[]), TrickSet(), SHAPE, 7, 6)
    x, rng = torch.rand(3, *SHAPE), torch.Generator().manual_seed(0)
    assert not torch.equal(discriminator(x, discriminator.draw_noise(3, rng)).features, discriminator(x).features)


@dataclass(kw_only=True)
class Built(MLP):
    """D's and G's layers as given."""

    body: nn.Module
    hidden: list[nn.Module]

    def build_discriminator(self, image_shape, num_classes, tricks, batch_size):
        return Discriminator(self.body, 162, num_classes, {})

    def build_generator(self, image_shape, tricks, batch_size):
        return Generator(self.z_dim, self.hidden, nn.Unflatten(1, image_shape))


@pytest.mark.parametrize(
    ("body", "hidden", "said"),
    [
        (nn.Sequential(nn.Flatten()), [], "D's body is a Sequential and must be an ssgan.layers.NoisySequential"),
        (
            NoisySequential(nn.Flatten(), nn.Sequential(nn.ReLU(), Dropout([162], 0.5))),
            [],
            "the Dropout 1.1 of D's body gets no noise",
        ),
        (NoisySequential(nn.Flatten()), [GaussianNoise([5], 1.0)], "the GaussianNoise hidden.0 of G gets no noise"),
    ],
    ids=["plain body", "in a plain sequence", "in G"],
)
def test_noise_layers_that_nothing_gives_noise_are_refused(body: nn.Module, hidden: list[nn.Module], said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)) as error:
        build_players(Built(body=body, hidden=hidden), TrickSet(), SHAPE, 7, 6)
    assert "\n" not in str(error.value)


def test_a_model_carries_all_that_it_can_be_built_from_again(tmp_path: Path) -> None:
    config = compose_run(tmp_path, *TINY, "data.num_labels=20")
    model = build_model(config, (1, 8, 8), ("a", "b", "c"), 20)
    assert model.description == {
        "version": ssgan.__version__,
        "config": config.resolved,
        "classes": ["a", "b", "c"],
        "image_shape": [1, 8, 8],
        "num_labels": 20,
    }
    assert model.discriminator(torch.rand(4, 1, 8, 8)).logits.shape == (4, 3)


def test_an_ensemble_is_its_members_stacked(tmp_path: Path) -> None:
    alone, three = (
        build_model(compose_run(tmp_path, *TINY, f"ensemble={members}"), (1, 8, 8), ("a", "b"), 20)
        for members in ("null", 3)
    )
    for player in ("generator", "discriminator"):
        shapes = {name: p.shape for name, p in getattr(alone, player).named_parameters()}
        stacked = {name: p.shape for name, p in getattr(three, player).named_parameters()}
        assert stacked == {name: (3, *shape) for name, shape in shapes.items()} != {}
