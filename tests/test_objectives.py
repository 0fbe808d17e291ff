"""Both players' costs against separate passes, and what they leave untouched."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch.nn import functional as F

from ssgan.layers import initialise_from_data
from ssgan.networks import MLP, Conv
from ssgan.objectives import (
    DiscriminatorBatch,
    discriminator_terms,
    draw_discriminator_noise,
    draw_generator_noise,
    generator_terms,
)
from ssgan.training_options import Objective
from ssgan.tricks import (
    ConditionalEntropy,
    FeatureMatching,
    HistoricalAveraging,
    LabelSmoothing,
    MinibatchDiscrimination,
    PullAway,
    Trick,
    TrickSet,
    VirtualBatchNorm,
)

N, K, SHAPE = 4, 3, (2, 9, 10)

ARCHITECTURES = {
    "mlp": MLP(z_dim=5, generator_hidden=[7, 6], discriminator_hidden=[8, 6]),
    "conv": Conv(z_dim=5, generator_widths=[4, 3, 3], discriminator_widths=[3, 4]),
}
TRICKS = {
    "feature_matching": FeatureMatching(norm="l1"),
    "historical_averaging": HistoricalAveraging(),
    "label_smoothing": LabelSmoothing(alpha=0.8),
    "minibatch_discrimination": MinibatchDiscrimination(kernels=3, dim=2),
    "virtual_batch_norm": VirtualBatchNorm(reference_size=3),
}
SETS = {"none": {}, **{name: {name: trick} for name, trick in TRICKS.items()}, "all": TRICKS}


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def players(architecture="mlp", tricks=None):
    """G and D with start values from data."""
    model, tricks, rng = ARCHITECTURES[architecture], TrickSet(tricks), seeded(0)
    generator = model.build_generator(SHAPE, tricks, N)
    discriminator = model.build_discriminator(SHAPE, K, tricks, N)
    for network in (generator, discriminator):
        network.reset_parameters(rng)
    generator.set_reference(rng)
    images = torch.rand(20, *SHAPE, generator=rng)
    if discriminator.reference_size:
        discriminator.set_reference(images[: discriminator.reference_size])
    initialise_from_data(generator, generator.draw_z(20, rng))
    initialise_from_data(discriminator, images, discriminator.draw_noise(20, rng))
    return generator, discriminator, tricks


def images(seed=1):
    return torch.rand(N, *SHAPE, generator=seeded(seed))


def batch():
    return DiscriminatorBatch(images(1), torch.tensor([2, 0, 1, 1]), images(2))


def d_terms(generator, discriminator, tricks, objective=None, seed=3, given=None):
    objective = objective or Objective()
    noise = draw_discriminator_noise(generator, discriminator, (N, *SHAPE), objective, tricks, seeded(seed))
    return discriminator_terms(generator, discriminator, discriminator, given or batch(), noise, objective, tricks)


def g_terms(generator, discriminator, tricks, objective=None, seed=4):
    noise = draw_generator_noise(generator, discriminator, (N, *SHAPE), tricks, seeded(seed))
    return generator_terms(generator, discriminator, images(5), noise, objective or Objective(), tricks)


def cost(terms):
    return torch.stack(list(terms.values())).sum()


def log_probability_of_real(logits):
    """log D(x) and log(1 − D(x)) by the softmax over K+1 logits, in float64."""
    logs = torch.log_softmax(F.pad(logits.double(), (0, 1)), 1)
    return torch.logsumexp(logs[:, :-1], 1), logs[:, -1]


def slow_d_cost(generator, discriminator, selected, seed=3, weight=1.0):
    """Three passes, each with its own third of the noise."""
    noise = draw_discriminator_noise(generator, discriminator, (N, *SHAPE), Objective(), TrickSet(), seeded(seed))
    labelled, labels, unlabelled = batch()
    with torch.no_grad():
        fake = generator(noise.z)
    logits = [
        discriminator(x, [layer[i * N : (i + 1) * N] for layer in noise.layers]).logits.double()
        for i, x in enumerate((labelled, unlabelled, fake))
    ]
    alpha = selected["label_smoothing"].alpha if "label_smoothing" in selected else 1.0
    supervised = -torch.log_softmax(logits[0], 1)[torch.arange(N), labels].mean()
    real, not_real = log_probability_of_real(logits[1])
    _, found_out = log_probability_of_real(logits[2])
    return supervised + weight * 0.5 * (-(alpha * real + (1 - alpha) * not_real).mean() - found_out.mean())


def slow_g_cost(generator, discriminator, selected, seed=4):
    """D's noise is on in both passes; the real features are a constant."""
    rng = seeded(seed)
    z, fake_noise = generator.draw_z(N, rng), discriminator.draw_noise(N, rng)
    fake = discriminator(generator(z), fake_noise)
    if "feature_matching" not in selected:
        return -log_probability_of_real(fake.logits)[0].mean()
    real = discriminator(images(5), discriminator.draw_noise(N, rng)).features.detach()
    difference = fake.features.double().mean(0) - real.double().mean(0)
    return difference.abs().mean() if selected["feature_matching"].norm == "l1" else difference.square().mean()


def assert_same_gradients(value, expected, network):
    parameters = list(network.parameters())
    gradients = torch.autograd.grad(value, parameters, allow_unused=True)
    wanted = torch.autograd.grad(expected, parameters, allow_unused=True)
    for gradient, want in zip(gradients, wanted, strict=True):
        assert (gradient is None) == (want is None)
        if want is not None:
            torch.testing.assert_close(gradient, want, rtol=1e-3, atol=1e-5)


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
    generator_terms(generator, discriminator, given.unlabelled, g_noise, objective, tricks)
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


@pytest.mark.parametrize("unlabelled", [0.0, 1.0])
def test_the_other_weight_scales_the_labelled_term_alone(unlabelled):
    networks = players("mlp", SETS["all"])
    one, none, half = (
        d_terms(*networks, Objective(labelled_weight=w, unlabelled_weight=unlabelled)) for w in (1.0, 0.0, 0.5)
    )
    assert none["labelled"] == 0 and half["labelled"] == 0.5 * one["labelled"]
    assert all(torch.equal(one[name], half[name]) for name in one if name != "labelled")


def test_the_discriminators_cost_has_no_gradient_for_the_generator():
    generator, discriminator, tricks = players("conv", SETS["all"])
    cost(d_terms(generator, discriminator, tricks)).backward()
    assert all(p.grad is None for p in generator.parameters())
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in discriminator.parameters())


@pytest.mark.parametrize("selected", SETS.values(), ids=SETS)
def test_the_generators_cost_does_not_touch_a_frozen_discriminator(selected):
    generator, discriminator, tricks = players("conv", selected)
    discriminator.requires_grad_(False)
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
        cost(generator_terms(generator, discriminator, images(5), n, Objective(), tricks)) for n in (noise, other)
    )
    assert first != second


def test_feature_matching_of_equal_batches_under_equal_noise_is_zero():
    generator, discriminator, tricks = players("mlp", {"feature_matching": FeatureMatching()})
    noise = draw_generator_noise(generator, discriminator, (N, *SHAPE), tricks, seeded(4))
    noise = noise._replace(real_layers=noise.fake_layers)
    same = generator(noise.z).detach()
    assert cost(generator_terms(generator, discriminator, same, noise, Objective(), tricks)) == 0


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


def test_noise_is_drawn_from_the_given_generator_and_fits():
    generator, discriminator, tricks = players("mlp", SETS["feature_matching"])
    state = torch.get_rng_state()
    d_noise = draw_discriminator_noise(generator, discriminator, (N, *SHAPE), Objective(), tricks, seeded(3))
    g_noise, again = (draw_generator_noise(generator, discriminator, (N, *SHAPE), tricks, seeded(4)) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    assert d_noise.z.shape == g_noise.z.shape == (N, 5) and g_noise.z.min() >= 0 and g_noise.z.max() < 1
    assert all(len(layer) == 3 * N for layer in d_noise.layers)
    assert all(len(layer) == N for layer in (*g_noise.fake_layers, *g_noise.real_layers))
    assert not any(map(torch.equal, g_noise.fake_layers, g_noise.real_layers))
    torch.testing.assert_close(g_noise, again, rtol=0, atol=0)


@pytest.mark.parametrize(("name", "expected"), [("none", False), ("feature_matching", True), ("all", True)])
def test_noise_for_real_images_is_drawn_only_for_techniques_that_look_at_them(name, expected):
    generator, discriminator, tricks = players("mlp", SETS[name])
    noise = draw_generator_noise(generator, discriminator, (N, *SHAPE), tricks, seeded(4))
    assert (noise.real_layers is not None) is expected


# --- further techniques: terms that are added, and some defined here and nowhere else -----------------------


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


@dataclass
class Undeclared(Trick):
    """Looks at real features without saying so."""

    def generator_objective(self, step):
        return step.real.features.sum()


def slow_pull_away(features):
    n, total = len(features), 0
    for i in range(n):
        for j in range(n):
            if i != j:
                a, b = features[i].double(), features[j].double()
                total = total + ((a @ b) / (a.norm() * b.norm())) ** 2 / (n * (n - 1))
    return total


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


def test_looking_at_real_features_without_declaring_it_is_an_error():
    """Otherwise D's pass over real images would silently be without noise."""
    with pytest.raises(Exception, match="uses_real_features"):
        g_terms(*players("mlp", {"undeclared": Undeclared()}))
