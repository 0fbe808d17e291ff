"""Rotation prediction: turns pixel by pixel, both players' terms one image after the other, and the layer's start."""

from __future__ import annotations

import math

import pytest
import torch

from ssgan.errors import ConfigError
from ssgan.objectives import frozen
from ssgan.tricks import RotationPrediction
from ssgan.tricks.rotation_prediction import turned
from tests.runs import assert_equal
from tests.tricks.steps import N, Step, assert_same_gradients, gradients, images, seeded

SQUARE = (2, 9, 9)


def by_hand(image, quarters):
    """The image turned counter-clockwise, pixel by pixel: what was on the right is then at the top."""
    for _ in range(quarters):
        side = image.shape[-1]
        image = torch.stack([torch.stack([row[:, side - 1 - y] for row in image.unbind(1)], 1) for y in range(side)], 1)
    return image


def test_a_quarter_turn_is_counter_clockwise():
    image = torch.tensor([[[[1, 2], [3, 4]]]])
    assert turned(image, torch.tensor([1])).tolist() == [[[[2, 4], [1, 3]]]]
    assert turned(image, torch.tensor([2])).tolist() == [[[[4, 3], [2, 1]]]]


def test_each_image_is_turned_by_its_own_quarters():
    given, quarters = images(1, 6, SQUARE), torch.tensor([0, 1, 2, 3, 3, 0])
    found = turned(given, quarters)
    for image, quarter, result in zip(given, quarters.tolist(), found, strict=True):
        assert torch.equal(result, by_hand(image, quarter))


@pytest.mark.parametrize("architecture", ["mlp", "conv"])
def test_values_and_gradients_of_both_players(architecture):
    step = Step(architecture, shape=SQUARE, rotation_prediction=RotationPrediction(weight=0.7, generator_weight=0.3))
    head = step.discriminator.companions["rotation_prediction"]
    generated = step.generator(step.g_noise.z)
    for terms, weight, noise, given, network in (
        (step.d_terms(), 0.7, step.d_noise, step.batch.unlabelled, step.discriminator),
        (step.g_terms(), 0.3, step.g_noise, generated, step.generator),
    ):
        quarters, *layers = noise.draws["rotation_prediction"]
        seen = torch.stack([by_hand(image, r) for image, r in zip(given, quarters.tolist(), strict=True)])
        features = step.discriminator(seen, layers).features
        expected = 0.0
        for f, r in zip(features.double(), quarters.tolist(), strict=True):
            scores = [f @ w.double() + b.double() for w, b in zip(head.weight, head.bias, strict=True)]
            expected = expected + weight / N * (torch.stack(scores).exp().sum().log() - scores[r])
        term = terms["rotation_prediction"]
        torch.testing.assert_close(term.double(), expected, rtol=1e-5, atol=1e-7)
        assert_same_gradients(term, expected, network)


def test_in_the_generators_step_the_layer_is_a_constant():
    step = Step(shape=SQUARE, rotation_prediction=RotationPrediction())
    head = step.discriminator.companions["rotation_prediction"]
    with frozen(step.discriminator):
        step.g_terms()["rotation_prediction"].backward()
    assert head.weight.grad is None and any(p.grad.abs().sum() > 0 for p in step.generator.parameters())
    step.d_terms()["rotation_prediction"].backward()
    assert head.weight.grad.abs().sum() > 0


def test_without_a_weight_the_generator_has_no_such_term_and_draws_nothing():
    step = Step(shape=SQUARE, rotation_prediction=RotationPrediction(generator_weight=0.0))
    assert "rotation_prediction" not in step.g_terms() and step.g_noise.draws == {}
    assert "rotation_prediction" in step.d_terms()


def test_an_untrained_layer_of_zeros_pays_for_guessing():
    step = Step(shape=SQUARE, rotation_prediction=RotationPrediction(weight=2.0))
    for parameter in step.discriminator.companions["rotation_prediction"].parameters():
        torch.nn.init.zeros_(parameter)
    assert step.d_terms()["rotation_prediction"].item() == pytest.approx(2 * math.log(4), rel=1e-6)


def test_turns_are_equally_frequent_and_repeat_with_the_seed():
    step, trick, n = Step(), RotationPrediction(), 20_000
    quarters = trick.discriminator_draws(step.generator, step.discriminator, (n, *SQUARE), seeded(1))[0]
    again = trick.discriminator_draws(step.generator, step.discriminator, (n, *SQUARE), seeded(1))[0]
    assert torch.equal(quarters, again)
    counts = quarters.bincount(minlength=4)
    assert len(counts) == 4 and all(abs(count - n / 4) < 5 * math.sqrt(n * 3 / 16) for count in counts.tolist())


def test_start_values_follow_the_seed_alone_and_the_classifier_does_not_look_at_the_layer():
    networks = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        networks.append(Step(shape=SQUARE, rotation_prediction=RotationPrediction()).discriminator)
    network, head = networks[0], networks[0].companions["rotation_prediction"]
    assert head.weight.shape == (4, network.num_features) and not head.bias.any()
    assert_equal(*[each.state_dict() for each in networks])
    logits = network(images(1, N, SQUARE)).logits
    assert gradients(logits.sum(), head)[0].eq(0).all()


def test_images_that_are_not_square_are_refused():
    with pytest.raises(ConfigError, match="needs square images, these have 9×10 pixels"):
        RotationPrediction().discriminator_companion(5, (2, 9, 10))
