"""Both players' costs against separate passes, and what they leave untouched."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import pytest
import torch
from torch.nn import ModuleDict
from torch.nn import functional as F

from ssgan.objectives import discriminator_terms, frozen, generator_terms
from ssgan.training.randomness import draw_discriminator_noise, draw_generator_noise
from ssgan.training_options import Objective
from ssgan.tricks import FeatureMatching, Trick, TrickSet
from tests.player_costs import (
    ARCHITECTURES,
    SHAPE,
    TRICKS,
    N,
    assert_same_gradients,
    batch,
    cost,
    d_terms,
    g_terms,
    images,
    log_probability_of_real,
    players,
    seeded,
    slow_d_cost,
    slow_g_cost,
)

SETS = {"none": {}, **{name: {name: trick} for name, trick in TRICKS.items()}, "all": TRICKS}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("selected", SETS.values(), ids=SETS)
def test_discriminator_cost_is_that_of_three_separate_passes(architecture, selected):
    generator, discriminator, tricks = players(architecture, selected)
    value, expected = cost(d_terms(generator, discriminator, tricks)), slow_d_cost(generator, discriminator, selected)
    torch.testing.assert_close(value.double(), expected, rtol=1e-5, atol=1e-5)
    assert_same_gradients(value, expected, discriminator)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("selected", SETS.values(), ids=SETS)
def test_generator_cost_is_that_of_separate_passes(architecture, selected):
    generator, discriminator, tricks = players(architecture, selected)
    value, expected = cost(g_terms(generator, discriminator, tricks)), slow_g_cost(generator, discriminator, selected)
    torch.testing.assert_close(value.double(), expected, rtol=1e-5, atol=1e-5)
    assert_same_gradients(value, expected, generator)


@pytest.mark.parametrize("selected", [SETS["none"], SETS["all"]], ids=["none", "all"])
@pytest.mark.parametrize("terms", [d_terms, g_terms])
def test_terms_are_repeatable_and_change_nothing(terms, selected):
    generator, discriminator, tricks = players("conv", selected)
    before = copy.deepcopy([generator.state_dict(), discriminator.state_dict()])
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first = terms(generator, discriminator, tricks)
    torch.manual_seed(5)
    again = terms(generator, discriminator, tricks)
    assert torch.equal(torch.get_rng_state(), state)
    assert first.keys() == again.keys() and all(torch.equal(first[name], again[name]) for name in first)
    after = [generator.state_dict(), discriminator.state_dict()]
    torch.testing.assert_close(after, before, rtol=0, atol=0)
    assert all(p.grad is None for network in (generator, discriminator) for p in network.parameters())


@pytest.mark.parametrize("selected", [SETS["none"], SETS["all"]], ids=["none", "all"])
def test_images_and_noise_are_left_as_they_were(selected):
    generator, discriminator, tricks = players("conv", selected)
    given, objective = batch(), Objective()
    d_noise = draw_discriminator_noise(generator, discriminator, (N, *SHAPE), objective, tricks, seeded(3))
    g_noise = draw_generator_noise(generator, discriminator, (N, *SHAPE), tricks, seeded(4))
    before = copy.deepcopy([*given, *d_noise, *g_noise])
    discriminator_terms(generator, discriminator, discriminator, given, d_noise, objective, tricks)
    generator_terms(generator, discriminator, ModuleDict(), given.unlabelled, g_noise, objective, tricks)
    torch.testing.assert_close([*given, *d_noise, *g_noise], before, rtol=0, atol=0)


@pytest.mark.parametrize("terms", [d_terms, g_terms])
def test_other_noise_gives_other_values(terms):
    networks = players("mlp", TRICKS)
    assert cost(terms(*networks, seed=3)) != cost(terms(*networks, seed=4))


@pytest.mark.parametrize("selected", [SETS["none"], SETS["all"]], ids=["none", "all"])
def test_without_the_unlabelled_loss_only_labelled_images_count(selected):
    generator, discriminator, tricks = players("mlp", selected)
    objective = Objective(unlabelled_weight=0)
    given = batch()._replace(unlabelled=torch.full((N, *SHAPE), torch.nan))
    terms = d_terms(generator, discriminator, tricks, objective, given=given)
    assert list(terms) == ["labelled"]
    noise = draw_discriminator_noise(generator, discriminator, (N, *SHAPE), objective, tricks, seeded(3))
    assert all(len(layer) == N for layer in noise.layers)
    logits = discriminator(given.labelled, noise.layers).logits.double()
    torch.testing.assert_close(terms["labelled"].double(), F.cross_entropy(logits, given.labels), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("weight", [0.25, 3.0])
def test_the_weight_scales_the_unlabelled_term_alone(weight):
    networks = players("mlp", SETS["all"])
    one, other = d_terms(*networks), d_terms(*networks, Objective(unlabelled_weight=weight))
    assert one.keys() == other.keys() and torch.equal(one["labelled"], other["labelled"])
    torch.testing.assert_close(other["unlabelled"], weight * one["unlabelled"])


@dataclass
class Instead(Trick):
    """D has a loss of its own on unlabelled and generated images, beside one on labelled images."""

    def discriminator_objective(self, step):
        return (step.unlabelled.logits.mean() - step.fake.logits.mean()).square()

    def discriminator_penalty(self, step):
        return step.labelled.logits.square().mean() if self.beside else None

    beside: bool = False


def test_a_technique_s_objective_of_d_stands_in_for_the_real_fake_loss_and_has_its_weight():
    networks = players("mlp", {"instead": Instead(), "label_smoothing": TRICKS["label_smoothing"]})
    plain = d_terms(*players("mlp"))
    one, other = d_terms(*networks), d_terms(*networks, Objective(unlabelled_weight=0.25))
    assert list(one) == ["labelled", "instead"] and torch.equal(one["labelled"], plain["labelled"])
    generator, discriminator, _ = networks
    noise = draw_discriminator_noise(generator, discriminator, (N, *SHAPE), Objective(), TrickSet(), seeded(3))
    parts = [
        discriminator(images, [layer[i * N : (i + 1) * N] for layer in noise.layers]).logits.mean()
        for i, images in ((1, batch().unlabelled), (2, generator(noise.z)))
    ]
    torch.testing.assert_close(one["instead"], (parts[0] - parts[1]).square())
    torch.testing.assert_close(other["instead"], 0.25 * one["instead"])
    both = d_terms(*players("mlp", {"instead": Instead(beside=True)}), Objective(unlabelled_weight=0.25))
    alone = [layer[:N] for layer in noise.layers]
    beside = discriminator(batch().labelled, alone).logits.square().mean()
    torch.testing.assert_close(both["instead"], 0.25 * one["instead"] + beside)


@pytest.mark.parametrize("unlabelled", [0.0, 1.0])
def test_the_other_weight_scales_the_labelled_term_alone(unlabelled):
    networks = players("mlp", SETS["all"])
    one, half = (d_terms(*networks, Objective(labelled_weight=w, unlabelled_weight=unlabelled)) for w in (1.0, 0.5))
    assert half["labelled"] == 0.5 * one["labelled"]
    assert all(torch.equal(one[name], half[name]) for name in one if name != "labelled")
    if unlabelled:
        assert d_terms(*networks, Objective(labelled_weight=0.0, unlabelled_weight=unlabelled))["labelled"] == 0


def test_the_discriminators_cost_has_no_gradient_for_the_generator():
    generator, discriminator, tricks = players("conv", SETS["all"])
    cost(d_terms(generator, discriminator, tricks)).backward()
    assert all(p.grad is None for p in generator.parameters())
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in discriminator.parameters())


@pytest.mark.parametrize("selected", SETS.values(), ids=SETS)
def test_the_generators_cost_does_not_touch_a_frozen_discriminator(selected):
    generator, discriminator, tricks = players("conv", selected)
    with frozen(discriminator):
        cost(g_terms(generator, discriminator, tricks)).backward()
    assert all(p.grad is None for p in discriminator.parameters())
    assert all(p.grad is not None and p.grad.isfinite().all() for p in generator.parameters())
    assert any(p.grad.abs().sum() > 0 for p in generator.parameters())


@pytest.mark.parametrize("layers", ["fake_layers", "real_layers"])
def test_feature_matching_keeps_the_discriminators_noise_on_in_both_passes(layers):
    generator, discriminator, tricks = players("mlp", {"feature_matching": FeatureMatching()})
    noise = draw_generator_noise(generator, discriminator, (N, *SHAPE), tricks, seeded(4))
    other = noise._replace(**{layers: discriminator.draw_noise(N, seeded(9))})
    first, second = (
        cost(generator_terms(generator, discriminator, ModuleDict(), images(5), n, Objective(), tricks))
        for n in (noise, other)
    )
    assert first != second


def test_feature_matching_of_equal_batches_under_equal_noise_is_zero():
    generator, discriminator, tricks = players("mlp", {"feature_matching": FeatureMatching()})
    noise = draw_generator_noise(generator, discriminator, (N, *SHAPE), tricks, seeded(4))
    noise = noise._replace(real_layers=noise.fake_layers)
    same = generator(noise.z).detach()
    assert cost(generator_terms(generator, discriminator, ModuleDict(), same, noise, Objective(), tricks)) == 0


@pytest.mark.parametrize(("name", "sign"), [("non_saturating", 1), ("saturating", -1)])
def test_generator_loss_is_chosen_by_name(name, sign):
    generator, discriminator, tricks = players()
    terms = g_terms(generator, discriminator, tricks, Objective(generator_loss=name))
    noise = draw_generator_noise(generator, discriminator, (N, *SHAPE), tricks, seeded(4))
    real, found_out = log_probability_of_real(discriminator(generator(noise.z), noise.fake_layers).logits)
    expected = {"non_saturating": -real.mean(), "saturating": found_out.mean()}[name]
    assert list(terms) == ["adversarial"] and (terms["adversarial"] > 0) == (sign > 0)
    torch.testing.assert_close(terms["adversarial"].double(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("loss", ["non_saturating", "saturating"])
def test_feature_matching_takes_the_place_of_the_adversarial_loss(loss):
    generator, discriminator, tricks = players("mlp", SETS["all"])
    terms = g_terms(generator, discriminator, tricks, Objective(generator_loss=loss))
    assert list(terms) == ["feature_matching"]
