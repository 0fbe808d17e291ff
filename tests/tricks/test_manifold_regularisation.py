"""Manifold regularisation, example by example."""

from __future__ import annotations

import pytest
import torch

from ssgan.tricks import ManifoldRegularisation
from tests.tricks.steps import N, Step, assert_same_gradients


@pytest.mark.parametrize("architecture", ["mlp", "conv"])
def test_value_and_gradient(architecture):
    step = Step(architecture, manifold_regularisation=ManifoldRegularisation(weight=0.3, epsilon=2.0))
    term = step.d_terms()["manifold_regularisation"]
    (delta,) = step.d_noise.draws["manifold_regularisation"]
    torch.testing.assert_close(delta.norm(dim=1), torch.ones(N))
    with torch.no_grad():
        fake, near = step.fake(), step.generator(step.d_noise.z + delta)
    moved = torch.stack([a + 2.0 * (b - a) / (b - a).norm() for a, b in zip(fake, near, strict=True)])
    logits, others = (step.discriminator(x, step.layers(2)).logits.double() for x in (fake, moved))
    expected = 0.3 * sum((a - b).abs().sum() for a, b in zip(logits, others, strict=True)) / N
    torch.testing.assert_close(term.double(), expected, rtol=1e-4, atol=1e-6)
    assert_same_gradients(term, expected, step.discriminator)


def test_the_defaults_are_the_published_ones():
    assert ManifoldRegularisation() == ManifoldRegularisation(weight=1e-3, epsilon=20.0)


def test_it_has_no_gradient_for_the_generator():
    step = Step(manifold_regularisation=ManifoldRegularisation())
    step.d_terms()["manifold_regularisation"].backward()
    assert all(p.grad is None for p in step.generator.parameters())
