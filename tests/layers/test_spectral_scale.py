"""The spectral norm by the power method against singular values computed exactly."""

from __future__ import annotations

import pytest
import torch

from ssgan.layers import SpectralScale
from ssgan.tricks import SpectralNorm


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def scale_of(shape, iterations):
    scale = SpectralScale(torch.Size(shape), iterations)
    scale.draw_parameters(seeded(1))
    return scale


@pytest.mark.parametrize("shape", [(5, 7), (7, 5), (4, 3, 3, 3)])
def test_the_scale_and_its_gradient_are_those_of_the_largest_singular_value(shape):
    weight = torch.randn(*shape, generator=seeded(0)).requires_grad_()
    value = scale_of(shape, 300)(weight)
    expected = 1 / torch.linalg.svdvals(weight.double().flatten(1))[0]
    torch.testing.assert_close(value.double(), expected, rtol=1e-5, atol=0)
    gradient, wanted = (torch.autograd.grad(v, weight)[0] for v in (value, expected))
    torch.testing.assert_close(gradient, wanted, rtol=1e-3, atol=1e-5)


def test_ten_iterations_are_within_a_few_per_cent_for_the_mnist_layers():
    """Random weights are the hardest case: their large singular values lie close together."""
    for shape in ((1000, 784), (500, 1000), (250, 250)):
        weight = 0.1 * torch.randn(*shape, generator=seeded(2))
        ratio = scale_of(shape, SpectralNorm().iterations)(weight) * torch.linalg.svdvals(weight)[0]
        assert 1 <= ratio < 1.05, shape


@pytest.mark.parametrize("iterations", [1, 3, 10])
def test_the_norm_is_estimated_from_below_and_the_better_the_longer(iterations):
    for seed in range(5):
        weight = torch.randn(8, 6, generator=seeded(seed))
        norm = torch.linalg.svdvals(weight)[0]
        fewer, more = (1 / scale_of(weight.shape, i)(weight) for i in (iterations, 3 * iterations))
        assert fewer <= more * 1.00001 <= norm * 1.0001


def test_it_has_no_state_but_where_it_starts_and_a_weight_of_zeros_gives_no_nan():
    scale = scale_of((5, 7), 3)
    assert list(scale.state_dict()) == ["start"] and not list(scale.parameters())
    weight = torch.randn(5, 7, generator=seeded())
    first = scale(weight)
    scale(torch.randn(5, 7, generator=seeded(1)))
    assert torch.equal(scale(weight), first) and scale(torch.zeros(5, 7)).isfinite()


def test_it_is_float32_under_autocast():
    scale, weight = scale_of((5, 7), 3), torch.randn(5, 7, generator=seeded())
    with torch.autocast("cpu", torch.bfloat16):
        found = scale(weight)
    assert found.dtype == torch.float32 and torch.equal(found, scale(weight))
