"""Conditional entropy against its formula, class by class."""

from __future__ import annotations

import math

import pytest
import torch

from ssgan.tricks import ConditionalEntropy
from ssgan.tricks.conditional_entropy import conditional_entropy_loss
from tests.tricks.steps import N, Step, assert_same_gradients


@pytest.mark.parametrize(
    ("logits", "expected"),
    [
        ([[3.0, 3.0, 3.0]], math.log(3)),
        ([[1e4, 0.0, -1e4]], 0.0),
        ([[7.0, 7.0, -1e4], [1e4, 0.0, 0.0]], math.log(2) / 2),
    ],
)
def test_known_numbers_also_where_d_is_certain(logits, expected):
    assert conditional_entropy_loss(torch.tensor(logits)).item() == pytest.approx(expected, abs=1e-6)


def test_it_is_that_of_the_classes_given_that_the_image_is_real():
    logits = torch.tensor([[0.5, -1.0, 2.0]])
    torch.testing.assert_close(conditional_entropy_loss(logits + 9.0), conditional_entropy_loss(logits))


def test_value_and_gradient_on_the_unlabelled_images():
    step = Step(conditional_entropy=ConditionalEntropy(weight=0.3))
    term = step.d_terms()["conditional_entropy"]
    logits = step.discriminator(step.batch.unlabelled, step.layers(1)).logits.double()
    expected = -0.3 * sum(p * torch.log(p) for row in logits for p in torch.softmax(row, 0)) / N
    torch.testing.assert_close(term.double(), expected, rtol=1e-5, atol=1e-6)
    assert_same_gradients(term, expected, step.discriminator)
