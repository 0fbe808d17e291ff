"""Directions in which techniques move images: drawn from all around, and of length 1."""

from __future__ import annotations

import math

import pytest
import torch

from ssgan.tricks import ManifoldRegularisation, Trick, VirtualAdversarial
from ssgan.tricks.directions import unit
from tests.tricks.steps import SHAPE, Step, seeded


@pytest.mark.parametrize("trick", [ManifoldRegularisation(), VirtualAdversarial()])
def test_directions_are_drawn_from_all_around(trick: Trick) -> None:
    """As those of normals: no entry is more often positive than negative, or depends on another."""
    step = Step()
    (drawn,) = trick.discriminator_draws(step.generator, step.discriminator, (4000, *SHAPE), seeded(3))
    x = drawn.flatten(1)[:, :2]
    x = x / x.std(0)
    bound = 4 / math.sqrt(4000)  # standard errors
    assert x.mean(0).abs().max() < bound and abs((x > 0).float().mean() - 0.5) < bound
    assert abs((x[:, 0] * x[:, 1]).mean()) < bound


@pytest.mark.parametrize("size", [1e-25, 1.0, 1e15])
def test_unit_vectors_of_any_size(size):
    x = torch.randn(3, 2, 4, generator=seeded(0))
    expected = torch.stack([row / row.norm() for row in x])
    torch.testing.assert_close(unit(size * x), expected)
    assert torch.equal(unit(torch.zeros(2, 3)), torch.zeros(2, 3))


def test_each_example_has_a_length_of_its_own_and_float16_does_not_overflow():
    x = torch.tensor([[300.0, 400.0], [0.03, -0.04]], dtype=torch.float16)
    assert unit(x).dtype == torch.float32
    torch.testing.assert_close(unit(x), torch.tensor([[0.6, 0.8], [0.6, -0.8]]), rtol=1e-3, atol=0)
