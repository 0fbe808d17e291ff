"""Softplus against the formula, value by value."""

from __future__ import annotations

import math

import pytest
import torch

from ssgan.layers import Softplus

VALUES = [*(i / 64 for i in range(-1800, 1801)), 0.0, -0.0, 19.999999, 20.0, 20.000001, -1e4, 1e4, 1e30, -1e30, 1e-30]


def formula(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def slope(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > 0 else math.exp(x) / (1 + math.exp(x))


def test_values_and_slopes_are_the_formulas():
    x = torch.tensor(VALUES, requires_grad=True)
    y = Softplus()(x)
    y.sum().backward()
    for given, value, gradient in zip(x.tolist(), y.tolist(), x.grad.tolist(), strict=True):
        assert value == pytest.approx(formula(given), rel=2e-7, abs=1.3e-7), given
        assert gradient == pytest.approx(slope(given), rel=0, abs=2e-7), given


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_other_types_are_pytorchs(dtype: torch.dtype):
    x = torch.linspace(-30, 30, 601, dtype=dtype)
    y = Softplus()(x)
    assert y.dtype == dtype
    assert torch.equal(y, torch.nn.functional.softplus(x))


def test_an_ensembles_members_are_apart():
    x = torch.linspace(-30, 30, 30).reshape(3, 10)
    assert torch.equal(torch.func.vmap(Softplus())(x), Softplus()(x))


def test_its_gradient_can_be_differentiated():
    x = torch.linspace(-5, 5, 11, requires_grad=True)
    (first,) = torch.autograd.grad(Softplus()(x).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    expected = torch.tensor([slope(value) * (1 - slope(value)) for value in x.tolist()])
    torch.testing.assert_close(second, expected, rtol=0, atol=1e-6)
