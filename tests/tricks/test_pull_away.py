"""The pull-away term against a loop over pairs."""

from __future__ import annotations

import pytest
import torch

from ssgan.tricks import PullAway
from ssgan.tricks.pull_away import pull_away_term
from tests.player_costs import slow_pull_away
from tests.tricks.steps import Step, assert_same_gradients


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        ([[1.0, 0.0], [0.0, 5.0]], 0.0),
        ([[1.0, 2.0], [3.0, 6.0], [-0.5, -1.0]], 1.0),
        ([[1.0, 0.0], [1.0, 1.0]], 0.5),
        ([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]], 1 / 3),
    ],
)
def test_known_numbers(features, expected):
    assert pull_away_term(torch.tensor(features)).item() == pytest.approx(expected, abs=1e-6)


def test_value_and_gradient_are_those_of_the_loop_over_pairs():
    step = Step(pull_away=PullAway(weight=0.5))
    terms = step.g_terms()
    expected = 0.5 * slow_pull_away(
        step.discriminator(step.generator(step.g_noise.z), step.g_noise.fake_layers).features
    )
    assert list(terms) == ["adversarial", "pull_away"]
    torch.testing.assert_close(terms["pull_away"].double(), expected, rtol=1e-4, atol=1e-6)
    assert_same_gradients(terms["pull_away"], expected, step.generator)


def test_features_that_are_all_zero_give_no_nan():
    features = torch.zeros(3, 4, requires_grad=True)
    pull_away_term(features).backward()
    assert features.grad.isfinite().all()


def test_half_precision_around_it_does_not_reach_it():
    features = torch.rand(8, 20)
    with torch.autocast("cpu", torch.bfloat16):
        value = pull_away_term(features)
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(slow_pull_away(features).item(), rel=1e-5)
