"""Consistency: both teachers against separate passes, and what the second view is."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ssgan.augmentation.moves import Moves
from ssgan.errors import ConfigError
from ssgan.training.average import WeightAverage
from ssgan.tricks import Consistency
from ssgan.tricks.consistency import consistency_loss
from tests.augmentation.pixel_by_pixel import moved_image
from tests.tricks.steps import N, Step, assert_same_gradients

FIELDS = len(Moves._fields)


def test_known_numbers():
    certain, torn = torch.tensor([[1e4, 0.0]]), torch.zeros(1, 2)
    assert consistency_loss(certain, torn).item() == pytest.approx(0.25 + 0.25)
    assert consistency_loss(certain, certain.flip(1)).item() == pytest.approx(2.0)
    assert consistency_loss(torn, torn + 7).item() == 0


def changed_view(step):
    """Images and noise of the second view."""
    *moves, layers = *step.d_noise.draws["consistency"][:FIELDS], step.d_noise.draws["consistency"][FIELDS:]
    views = [moved_image(x.numpy(), *(each[i] for each in moves)) for i, x in enumerate(step.batch.unlabelled)]
    return torch.from_numpy(np.stack(views)).float(), layers


@pytest.mark.parametrize(
    "moves", [{}, {"flip": True}, {"shift": 2}, {"flip": True, "shift": 1}, {"rotate": 20, "scale": 0.2, "shear": 10}]
)
@pytest.mark.parametrize("teacher", ["average", "live"])
@pytest.mark.parametrize("second_view", ["teacher", "student"])
def test_value_and_gradient(second_view, teacher, moves):
    step = Step("conv", consistency=Consistency(weight=0.5, teacher=teacher, second_view=second_view, **moves))
    average = WeightAverage(step.discriminator).network.requires_grad_(True)
    with torch.no_grad():
        for p in average.parameters():
            p.mul_(1.1)
    term = step.d_terms(average)["consistency"]
    views, layers = changed_view(step)
    seen = [(step.batch.unlabelled, step.layers(1)), (views, layers)]
    by_student, by_teacher = seen if second_view == "teacher" else reversed(seen)
    student = torch.softmax(step.discriminator(*by_student).logits.double(), 1)
    network = average if teacher == "average" else step.discriminator
    target = torch.softmax(network(*by_teacher).logits.double(), 1)
    expected = 0.5 * sum(((p - q) ** 2).sum() for p, q in zip(student, target, strict=True)) / N
    torch.testing.assert_close(term.double(), expected, rtol=1e-4, atol=1e-7)
    assert_same_gradients(term, expected, step.discriminator)
    term.backward()
    assert all(p.grad is None for p in average.parameters()), "the teacher is a constant"


def test_the_second_view_has_noise_of_its_own():
    step = Step(consistency=Consistency())
    layers = step.d_noise.draws["consistency"][FIELDS:]
    first = step.layers(1)
    assert [layer.shape for layer in layers] == [layer.shape for layer in first]
    assert not any(map(torch.equal, layers, first))
    assert step.d_terms()["consistency"] > 0


def test_one_view_seen_twice_costs_nothing():
    step = Step(consistency=Consistency(teacher="live"))
    moves = Moves(*step.d_noise.draws["consistency"][:FIELDS])
    assert not any(each.any() for each in (moves.offsets, moves.mirrored, moves.angles, moves.slants)), (
        "nothing may move"
    )
    assert (moves.factors == 1).all()
    same = {"consistency": (*moves, *step.layers(1))}
    step.d_noise = step.d_noise._replace(draws=same)
    assert step.d_terms()["consistency"].item() == pytest.approx(0, abs=1e-10)


def test_a_shift_as_large_as_the_image_is_refused_by_its_own_name():
    with pytest.raises(ConfigError, match=r"trick\.consistency\.shift=9: must be less than the image's side, 9"):
        Step(consistency=Consistency(shift=9))


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [("shift", -1, "0 or greater"), ("rotate", 181, "from 0 to 180"), ("scale", 1.0, "from 0 to 0.9"),
     ("confidence", 1.5, "from 0 to 1"), ("ramp", 1.5, "from 0 to 1")],
)  # fmt: skip
def test_wrong_values(option, value, message):
    with pytest.raises(ConfigError, match=rf"trick\.consistency\.{option}={value}: must be {message}"):
        Consistency(**{option: value})


@pytest.mark.parametrize(
    ("progress", "length", "factor"),
    [(0.0, 0.5, math.exp(-5)), (0.25, 0.5, math.exp(-1.25)), (0.5, 0.5, 1.0), (0.9, 0.5, 1.0), (0.0, 0.0, 1.0),
     (0.3, 1.0, math.exp(-2.45))],
)  # fmt: skip
@pytest.mark.parametrize("kind", [float, torch.tensor])
def test_the_weight_rises_over_the_first_part_of_the_run(kind, progress, length, factor):
    step = Step(consistency=Consistency(weight=3.0, ramp=length))
    whole = step.d_terms()["consistency"]
    torch.testing.assert_close(step.d_terms(progress=kind(progress))["consistency"], whole * factor)


def test_unsure_targets_count_as_nothing():
    # The teacher's largest probabilities are 0.9 and 0.6.
    targets = torch.tensor([[0.9, 0.1], [0.4, 0.6]]).log()
    torn = torch.zeros(2, 2)
    sure, unsure = 2 * 0.4**2, 2 * 0.1**2
    assert consistency_loss(torn, targets).item() == pytest.approx((sure + unsure) / 2)
    assert consistency_loss(torn, targets, 0.7).item() == pytest.approx(sure / 2)
    assert consistency_loss(torn, targets, 0.95).item() == 0
    step = Step(consistency=Consistency(confidence=1.0))
    assert step.d_terms()["consistency"] == 0
