"""Interpolation consistency: pairs and their mixtures one by one, and the distribution of the shares."""

from __future__ import annotations

import math

import pytest
import torch

from ssgan.training.average import WeightAverage
from ssgan.tricks import Consistency, InterpolationConsistency
from ssgan.tricks.interpolation_consistency import draw_shares, interpolation_loss, mixed
from tests.tricks.steps import N, Step, assert_same_gradients, seeded


def test_each_example_is_mixed_with_the_next():
    x = torch.tensor([[0.0, 8.0], [4.0, 0.0], [2.0, 2.0]])
    assert mixed(x, torch.tensor([1.0, 0.25, 0.5])).tolist() == [[0.0, 8.0], [2.5, 1.5], [1.0, 5.0]]


def test_known_numbers():
    targets = torch.tensor([[1e4, 0.0], [0.0, 1e4]])  # sure of one class and of the other
    shares = torch.tensor([0.75, 0.75])  # the mixtures are (3/4, 1/4) and (1/4, 3/4)
    assert interpolation_loss(torch.tensor([[3.0, 1.0], [1.0, 3.0]]).log(), targets, shares).item() == pytest.approx(
        0, abs=1e-12
    )
    assert interpolation_loss(torch.zeros(2, 2), targets, shares).item() == pytest.approx(2 * 0.25**2)
    assert interpolation_loss(targets, targets, shares).item() == pytest.approx(2 * 0.25**2)
    assert interpolation_loss(targets.flip(0), targets, shares).item() == pytest.approx(2 * 0.75**2)


@pytest.mark.parametrize("alpha", [0.1, 0.5, 1.0, 4.0])
def test_shares_have_the_moments_of_the_beta_distribution(alpha):
    n = 20_000
    shares = draw_shares(n, alpha, seeded(1)).double()
    variance = 1 / (4 * (2 * alpha + 1))
    kurtosis = 3 - 6 / (2 * alpha + 3)  # the fourth central moment over the squared variance
    assert shares.mean().item() == pytest.approx(0.5, abs=5 * math.sqrt(variance / n))
    spread = 5 * variance * math.sqrt((kurtosis - 1) / n)
    assert ((shares - 0.5) ** 2).mean().item() == pytest.approx(variance, abs=spread)


def test_shares_of_one_half_follow_the_arcsine_law_and_of_one_are_uniform():
    n = 20_000
    for alpha, distribution in ((0.5, lambda x: 2 / math.pi * math.asin(math.sqrt(x))), (1.0, lambda x: x)):
        shares = draw_shares(n, alpha, seeded(2))
        for x in (0.01, 0.1, 0.5, 0.8):
            p = distribution(x)
            assert (shares <= x).double().mean().item() == pytest.approx(p, abs=5 * math.sqrt(p * (1 - p) / n))


@pytest.mark.parametrize("alpha", [1e-3, 0.1, 100.0])
def test_shares_are_finite_and_repeat_with_the_seed(alpha):
    shares = draw_shares(5_000, alpha, seeded(3))
    assert shares.dtype == torch.float32 and shares.min() >= 0 and shares.max() <= 1
    assert torch.equal(shares, draw_shares(5_000, alpha, seeded(3)))
    assert not torch.equal(shares, draw_shares(5_000, alpha, seeded(4)))


@pytest.mark.parametrize("architecture", ["mlp", "conv"])
def test_value_and_gradient(architecture):
    step = Step(architecture, interpolation_consistency=InterpolationConsistency(weight=0.5))
    average = WeightAverage(step.discriminator).network.requires_grad_(True)
    with torch.no_grad():
        for p in average.parameters():
            p.mul_(1.1)
    term = step.d_terms(average)["interpolation_consistency"]
    shares, *layers = step.d_noise.draws["interpolation_consistency"]
    x, later = step.batch.unlabelled, [*range(1, N), 0]
    images = torch.stack([lam * x[i] + (1 - lam) * x[later[i]] for i, lam in enumerate(shares)])
    student = torch.softmax(step.discriminator(images, layers).logits.double(), 1)
    teacher = torch.softmax(average(x, step.layers(1)).logits.double(), 1)
    expected = 0.0
    for i, lam in enumerate(shares):
        target = lam * teacher[i] + (1 - lam) * teacher[later[i]]
        expected = expected + 0.5 * ((student[i] - target) ** 2).sum() / N
    assert not any(map(torch.equal, layers, step.layers(1))), "the mixed images have noise of their own"
    torch.testing.assert_close(term.double(), expected, rtol=1e-4, atol=1e-7)
    assert_same_gradients(term, expected, step.discriminator)
    term.backward()
    assert all(p.grad is None for p in average.parameters()), "the teacher is a constant"


def test_the_weight_rises_over_the_first_part_of_the_run():
    step = Step(interpolation_consistency=InterpolationConsistency(weight=3.0, ramp=0.5))
    whole = step.d_terms()["interpolation_consistency"]
    early = step.d_terms(progress=torch.tensor(0.25))["interpolation_consistency"]
    torch.testing.assert_close(early, whole * math.exp(-1.25))


def test_techniques_that_ask_for_the_averaged_network_share_its_pass():
    both = {
        "consistency": Consistency(second_view="student", shift=1),
        "interpolation_consistency": InterpolationConsistency(),
    }
    step = Step(**both)
    average, seen = WeightAverage(step.discriminator).network, []
    average.register_forward_hook(lambda *_: seen.append(1))
    together = step.d_terms(average)
    assert len(seen) == 1
    for name, trick in both.items():
        apart = Step(**{name: trick})
        apart.d_noise = apart.d_noise._replace(draws={name: step.d_noise.draws[name]})
        torch.testing.assert_close(apart.d_terms(average)[name], together[name], rtol=0, atol=0)
