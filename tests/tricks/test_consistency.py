"""Consistency: both teachers against separate passes, and what the second view is."""

from __future__ import annotations

import pytest
import torch

from ssgan.average import WeightAverage
from ssgan.errors import ConfigError
from ssgan.tricks import Consistency
from ssgan.tricks.consistency import consistency_loss
from tests.tricks.steps import SHAPE, N, Step, assert_same_gradients


def test_known_numbers():
    certain, torn = torch.tensor([[1e4, 0.0]]), torch.zeros(1, 2)
    assert consistency_loss(certain, torn).item() == pytest.approx(0.25 + 0.25)
    assert consistency_loss(certain, certain.flip(1)).item() == pytest.approx(2.0)
    assert consistency_loss(torn, torn + 7).item() == 0


def second_view(step):
    """Images and noise of the second view, moved pixel by pixel."""
    offsets, mirrored, *layers = step.d_noise.draws["consistency"]
    _, height, width = SHAPE
    views = torch.empty_like(step.batch.unlabelled)
    for i, image in enumerate(step.batch.unlabelled):
        for row in range(height):
            for column in range(width):
                y, x = row - offsets[i, 0].item(), column - offsets[i, 1].item()
                y, x = (abs(v) if v < size else 2 * (size - 1) - v for v, size in ((y, height), (x, width)))
                x = width - 1 - x if mirrored[i] else x
                views[i, :, row, column] = image[:, y, x]
    return views, layers


@pytest.mark.parametrize("moves", [{}, {"flip": True}, {"shift": 2}, {"flip": True, "shift": 1}])
@pytest.mark.parametrize("teacher", ["average", "live"])
def test_value_and_gradient(teacher, moves):
    step = Step("conv", consistency=Consistency(weight=0.5, teacher=teacher, **moves))
    average = WeightAverage(step.discriminator).network
    with torch.no_grad():
        for p in average.parameters():
            p.mul_(1.1)
    term = step.d_terms(average)["consistency"]
    views, layers = second_view(step)
    student = torch.softmax(step.discriminator(step.batch.unlabelled, step.layers(1)).logits.double(), 1)
    network = average if teacher == "average" else step.discriminator
    target = torch.softmax(network(views, layers).logits.double(), 1)
    expected = 0.5 * sum(((p - q) ** 2).sum() for p, q in zip(student, target, strict=True)) / N
    torch.testing.assert_close(term.double(), expected, rtol=1e-4, atol=1e-7)
    assert_same_gradients(term, expected, step.discriminator)
    term.backward()
    assert all(p.grad is None for p in average.parameters()), "the teacher is a constant"


def test_the_second_view_has_noise_of_its_own():
    step = Step(consistency=Consistency())
    _, _, *layers = step.d_noise.draws["consistency"]
    first = step.layers(1)
    assert [layer.shape for layer in layers] == [layer.shape for layer in first]
    assert not any(map(torch.equal, layers, first))
    assert step.d_terms()["consistency"] > 0


def test_one_view_seen_twice_costs_nothing():
    step = Step(consistency=Consistency(teacher="live"))
    offsets, mirrored, *_ = step.d_noise.draws["consistency"]
    assert not offsets.any() and not mirrored.any(), "without flip and shift nothing moves"
    same = {"consistency": (offsets, mirrored, *step.layers(1))}
    step.d_noise = step.d_noise._replace(draws=same)
    assert step.d_terms()["consistency"].item() == pytest.approx(0, abs=1e-10)


def test_a_shift_as_large_as_the_image_is_refused_by_its_own_name():
    with pytest.raises(ConfigError, match=r"trick\.consistency\.shift=9: must be less than the image's side, 9"):
        Step(consistency=Consistency(shift=9))
