"""How the seams of several techniques combine."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from types import SimpleNamespace
from typing import ClassVar

import pytest
import torch
from torch import nn

from ssgan.errors import ConfigError
from ssgan.layers import BatchNorm, HistoricalAverage, MinibatchFeatures
from ssgan.layers import VirtualBatchNorm as VirtualBatchNormLayer
from ssgan.tricks import (
    FeatureMatching,
    HistoricalAveraging,
    LabelSmoothing,
    MinibatchDiscrimination,
    SpectralNorm,
    Trick,
    TrickSet,
    VirtualBatchNorm,
)

FIVE = {
    "feature_matching": FeatureMatching(),
    "historical_averaging": HistoricalAveraging(),
    "label_smoothing": LabelSmoothing(),
    "minibatch_discrimination": MinibatchDiscrimination(kernels=3, dim=2),
    "virtual_batch_norm": VirtualBatchNorm(),
}
#: What each technique fills, and with what kind of thing.
SEAMS = {
    "feature_matching": {"generator_objectives"},
    "historical_averaging": {"parameter_penalties"},
    "label_smoothing": {"real_target"},
    "minibatch_discrimination": {"discriminator_heads"},
    "virtual_batch_norm": {"generator_norm"},
}


def step():
    rng = torch.Generator().manual_seed(0)
    fake, real = (SimpleNamespace(features=torch.randn(4, 3, generator=rng)) for _ in range(2))
    step = SimpleNamespace(fake=fake, real=real)
    step.handed_to = lambda trick: step
    return step


def filled_seams(tricks):
    """The seams that a set fills, with the names of the techniques that fill them."""
    mappings = {
        "generator_objectives": tricks.generator_objectives(step()),
        "generator_penalties": tricks.generator_penalties(step()),
        "discriminator_objectives": tricks.discriminator_objectives(step()),
        "discriminator_penalties": tricks.discriminator_penalties(step()),
        "discriminator_companions": tricks.discriminator_companions(7, (1, 8, 8)),
        "discriminator_heads": tricks.discriminator_heads(7, 10),
        "parameter_penalties": tricks.parameter_penalties([torch.zeros(2)]),
    }
    seams = {name for name, mapping in mappings.items() if mapping}
    if tricks.real_target != 1:
        seams.add("real_target")
    if not isinstance(tricks.generator_norm(3, 10), BatchNorm):
        seams.add("generator_norm")
    return seams


@pytest.mark.parametrize("name", FIVE)
def test_each_technique_fills_its_seam_and_no_other(name):
    assert filled_seams(TrickSet({name: FIVE[name]})) == SEAMS[name]


def test_without_techniques_everything_is_at_its_default():
    for tricks in (TrickSet(), TrickSet({})):
        assert filled_seams(tricks) == set()
        assert tricks.real_target == 1 and not tricks.uses_real_features
        norm = tricks.generator_norm(3, 10)
        assert isinstance(norm, BatchNorm) and norm.bias.shape == (3,)


@pytest.mark.parametrize(
    ("method", "hint"), [("generator_penality", "is generator_penality meant to be generator_penalty?"), ("x", "Trick")]
)
def test_a_technique_without_effect_is_refused(method, hint):
    """It would train as if it were not there, and be taken for one that does not help."""
    misspelt = type("Misspelt", (Trick,), {method: lambda self, step: None})()
    with pytest.raises(
        ConfigError, match=r"trick\.mine: Misspelt overrides no method of ssgan\.tricks\.Trick"
    ) as error:
        TrickSet({"mine": misspelt})
    assert str(error.value).endswith(hint)


def test_the_order_in_which_techniques_are_given_does_not_matter():
    expected = TrickSet(FIVE)
    objective = expected.generator_objectives(step())
    for items in itertools.permutations(FIVE.items()):
        tricks = TrickSet(dict(items))
        assert tricks.names == expected.names == sorted(FIVE)
        assert list(tricks.generator_objectives(step())) == list(objective)
        assert tricks.real_target == expected.real_target and tricks.uses_real_features
        assert isinstance(tricks.generator_norm(3, 10), VirtualBatchNormLayer)


@dataclass
class Everything(Trick):
    """Fills each seam that takes several."""

    size: float = 1.0

    uses_real_features: ClassVar[bool] = False

    def real_target(self):
        return self.size

    def discriminator_head(self, num_features, batch_size):
        return nn.Linear(num_features, 2)

    def generator_objective(self, step):
        return torch.tensor(self.size)

    generator_penalty = discriminator_penalty = discriminator_objective = generator_objective

    def discriminator_companion(self, num_features, image_shape):
        return nn.Linear(num_features, image_shape[0])

    def parameter_penalty(self, parameters):
        return nn.Identity()


def test_seams_that_take_several_keep_them_apart_by_name():
    tricks = TrickSet({"b": Everything(2.0), "a": Everything(0.25), **FIVE})
    assert tricks.real_target == pytest.approx(2.0 * 0.25 * 0.9)
    assert list(tricks.generator_objectives(step())) == ["a", "b", "feature_matching"]
    several = tricks.generator_penalties, tricks.discriminator_penalties, tricks.discriminator_objectives
    for terms in (seam(step()) for seam in several):
        assert {name: term.item() for name, term in terms.items()} == {"a": 0.25, "b": 2.0}
    assert list(tricks.discriminator_heads(7, 10)) == ["a", "b", "minibatch_discrimination"]
    assert list(tricks.parameter_penalties([torch.zeros(2)])) == ["a", "b", "historical_averaging"]
    companions = tricks.discriminator_companions(7, (3, 8, 8))
    assert {name: tuple(layer.weight.shape) for name, layer in companions.items()} == {"a": (3, 7), "b": (3, 7)}


@pytest.mark.parametrize(("names", "expected"), [(["label_smoothing"], False), (["feature_matching"], True)])
def test_real_features_are_needed_when_one_technique_says_so(names, expected):
    assert TrickSet({"other": Everything(), **{n: FIVE[n] for n in names}}).uses_real_features is expected


@dataclass
class AnotherNorm(Trick):
    def generator_norm(self, channels, batch_size):
        return nn.Sequential()


def test_two_norms_are_refused_in_one_line_that_names_both():
    with pytest.raises(ConfigError) as error:
        TrickSet({"virtual_batch_norm": VirtualBatchNorm(), "mine": AnotherNorm()})
    message = str(error.value)
    assert "mine" in message and "virtual_batch_norm" in message and "\n" not in message


@dataclass
class AnotherScale(Trick):
    def discriminator_weight_scale(self, shape):
        return nn.Identity()


def test_two_scales_of_ds_weights_are_refused_in_one_line_that_names_both():
    with pytest.raises(ConfigError) as error:
        TrickSet({"spectral_norm": SpectralNorm(), "mine": AnotherScale()})
    message = str(error.value)
    assert "mine" in message and "spectral_norm" in message and "D's weight norm" in message and "\n" not in message


def test_a_norm_that_does_nothing_is_a_norm():
    assert isinstance(TrickSet({"mine": AnotherNorm()}).generator_norm(3, 10), nn.Sequential)


@pytest.mark.parametrize("wrong", [object(), {"alpha": 0.9}, LabelSmoothing, None])
def test_what_is_not_a_technique_is_refused_by_name(wrong):
    with pytest.raises(ConfigError) as error:
        TrickSet({"mine": wrong})
    assert "trick.mine" in str(error.value) and "\n" not in str(error.value)


def test_layers_are_built_to_the_sizes_asked_for():
    tricks = TrickSet(FIVE)
    head = tricks.discriminator_heads(7, 10)["minibatch_discrimination"]
    assert isinstance(head, MinibatchFeatures) and head.weight.shape == (7, 3, 2) and head.reference_size == 9
    norm = tricks.generator_norm(6, 10)
    assert norm.reference_size == 10 and norm.bias.shape == (6,)
    assert isinstance(tricks.parameter_penalties([torch.zeros(2)])["historical_averaging"], HistoricalAverage)
    assert tricks.generator_norm(6, 10) is not norm
