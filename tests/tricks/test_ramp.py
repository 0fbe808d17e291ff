"""The factor of a weight that rises over the first part of a run."""

from __future__ import annotations

import math

import pytest
import torch

from ssgan.tricks.ramp import ramp_up


@pytest.mark.parametrize(
    ("progress", "length", "factor"),
    [(0, 0.4, math.exp(-5)), (0.2, 0.4, math.exp(-5 / 4)), (0.3, 0.4, math.exp(-5 / 16)), (0.4, 0.4, 1), (1, 0.4, 1),
     (0, 0, 1), (0.5, 0, 1)],
)  # fmt: skip
@pytest.mark.parametrize("kind", [float, torch.tensor])
def test_known_numbers(kind, progress, length, factor):
    assert float(ramp_up(kind(progress), length)) == pytest.approx(factor)


def test_it_never_falls():
    factors = [float(ramp_up(i / 100, 0.7)) for i in range(101)]
    assert factors == sorted(factors) and factors[70:] == [1.0] * 31 and factors[69] < 1
