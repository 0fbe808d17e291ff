"""Marginal entropy against its formula, class by class."""

from __future__ import annotations

import math

import pytest
import torch

from ssgan.tricks import MarginalEntropy
from ssgan.tricks.marginal_entropy import marginal_entropy_loss
from tests.tricks.steps import N, Step, assert_same_gradients


@pytest.mark.parametrize(
    ("logits", "expected"),
    [
        ([[3.0, 3.0, 3.0]], 0.0),
        ([[1e4, 0.0, -1e4]], math.log(3)),
        ([[1e4, 0.0], [0.0, 1e4]], 0.0),
        ([[1e4, 0.0], [1e4, 0.0], [1e4, 0.0], [0.0, 1e4]], math.log(2) + 0.75 * math.log(0.75) + 0.25 * math.log(0.25)),
    ],
)
def test_known_numbers_also_where_d_is_certain(logits, expected):
    assert marginal_entropy_loss(torch.tensor(logits)).item() == pytest.approx(expected, abs=1e-6)


def test_its_gradient_is_finite_where_a_class_never_occurs():
    logits = torch.tensor([[200.0, 0.0], [200.0, 0.0]], requires_grad=True)
    marginal_entropy_loss(logits).backward()
    assert logits.grad.isfinite().all()


def test_value_and_gradient_on_the_unlabelled_images():
    step = Step(marginal_entropy=MarginalEntropy(weight=0.3))
    term = step.d_terms()["marginal_entropy"]
    logits = step.discriminator(step.batch.unlabelled, step.layers(1)).logits.double()
    marginal = sum(torch.softmax(row, 0) for row in logits) / N
    expected = 0.3 * (math.log(len(marginal)) + sum(p * torch.log(p) for p in marginal))
    torch.testing.assert_close(term.double(), expected, rtol=1e-5, atol=1e-6)
    assert_same_gradients(term, expected, step.discriminator)
