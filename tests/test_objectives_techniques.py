"""Terms that techniques add to the players' costs, those of classes that are defined here and nowhere else too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch

from ssgan.training.randomness import draw_discriminator_noise, draw_generator_noise
from ssgan.training_options import Objective
from ssgan.tricks import ConditionalEntropy, FeatureMatching, PullAway, Trick
from tests.player_costs import (
    SHAPE,
    TRICKS,
    N,
    assert_same_gradients,
    batch,
    cost,
    d_terms,
    g_terms,
    players,
    seeded,
    slow_d_cost,
    slow_pull_away,
)


@dataclass
class MeanAndSpread(Trick):
    """Fills two seams of one player: an objective that looks at real features, and a penalty."""

    uses_real_features: ClassVar[bool] = True

    def generator_objective(self, step):
        return (step.fake.features.mean(0) - step.real.features.mean(0)).square().mean()

    def generator_penalty(self, step):
        return 3.0 + 0 * step.fake.features.sum()


@dataclass
class Constant(Trick):
    """A penalty of 1 on each player."""

    def generator_penalty(self, step):
        return torch.ones(())

    def discriminator_penalty(self, step):
        return torch.ones(())


@pytest.mark.parametrize("beside", [{}, {"feature_matching": FeatureMatching()}], ids=["adversarial", "matching"])
def test_a_new_penalty_is_added_to_the_generators_cost(beside):
    plain = players("mlp", beside)
    generator, discriminator, tricks = players("mlp", {**beside, "pull_away": PullAway()})
    terms = g_terms(generator, discriminator, tricks)
    noise = draw_generator_noise(generator, discriminator, (N, *SHAPE), tricks, seeded(4))
    penalty = 0.8 * slow_pull_away(discriminator(generator(noise.z), noise.fake_layers).features)
    torch.testing.assert_close(terms["pull_away"].double(), penalty, rtol=1e-4, atol=1e-6)
    expected = cost(g_terms(*plain)).double().item() + penalty.item()
    assert cost(terms).item() == pytest.approx(expected, rel=1e-5)
    assert_same_gradients(terms["pull_away"], penalty, generator)


def test_a_new_penalty_is_added_to_the_discriminators_cost():
    generator, discriminator, tricks = players("mlp", {"entropy": ConditionalEntropy(), **TRICKS})
    terms = d_terms(generator, discriminator, tricks)
    noise = draw_discriminator_noise(generator, discriminator, (N, *SHAPE), Objective(), tricks, seeded(3))
    unlabelled = discriminator(batch().unlabelled, [layer[N : 2 * N] for layer in noise.layers]).logits.double()
    entropies = [-sum(p * torch.log(p) for p in torch.softmax(row, 0)) for row in unlabelled]
    penalty = 0.1 * sum(entropies) / N
    torch.testing.assert_close(terms["entropy"].double(), penalty, rtol=1e-5, atol=1e-6)
    expected = slow_d_cost(generator, discriminator, TRICKS) + penalty
    torch.testing.assert_close(cost(terms).double(), expected, rtol=1e-5, atol=1e-5)
    assert_same_gradients(cost(terms), expected, discriminator)


def test_an_objective_and_a_penalty_of_one_technique_both_count():
    generator, discriminator, tricks = players("mlp", {"both": MeanAndSpread()})
    matching = players("mlp", {"feature_matching": FeatureMatching()})
    expected = cost(g_terms(*matching)).item() + 3.0
    assert cost(g_terms(generator, discriminator, tricks)).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["labelled", "unlabelled", "adversarial"])
def test_a_techniques_name_does_not_displace_a_built_in_term(name):
    networks, plain = players("mlp", {name: Constant()}), players()
    assert cost(d_terms(*networks)).item() == pytest.approx(cost(d_terms(*plain)).item() + 1, rel=1e-5)
    assert cost(g_terms(*networks)).item() == pytest.approx(cost(g_terms(*plain)).item() + 1, rel=1e-5)


@dataclass
class InPlaceOfReality(Trick):
    """In place of D's loss on unlabelled and generated images, a number."""

    def discriminator_objective(self, step):
        return torch.tensor(2.0)


@pytest.mark.parametrize("name", ["labelled", "unlabelled", "mine"])
def test_whatever_a_techniques_name_d_learns_from_the_labels(name):
    cost_of_labels = d_terms(*players())["labelled"].item()
    assert cost(d_terms(*players("mlp", {name: InPlaceOfReality()}))).item() == pytest.approx(
        cost_of_labels + 2, rel=1e-5
    )
