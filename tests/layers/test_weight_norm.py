"""Weight-normalised layers against plain layers with the weight g·v/‖v‖."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from ssgan.layers import WeightNormConv2d, WeightNormConvTranspose2d, WeightNormLinear, constant_weights
from ssgan.layers.weight_norm import EPS, NormalisedWeight

# name: (layer, input shape, dimension of the weight's output units, what the layer does with a weight)
CASES = {
    "linear": (lambda: WeightNormLinear(4, 3, trainable_gain=True), (5, 4), 0, lambda m, x, w: F.linear(x, w)),
    "conv": (
        lambda: WeightNormConv2d(2, 3, 3, stride=2, padding=1),
        (2, 2, 6, 5),
        0,
        lambda m, x, w: F.conv2d(x, w, None, 2, 1),
    ),
    "transposed": (
        lambda: WeightNormConvTranspose2d(2, 3, 5, 2, 2, (1, 0)),
        (2, 2, 3, 4),
        1,
        lambda m, x, w: F.conv_transpose2d(x, w, None, 2, 2, (1, 0)),
    ),
}


def build(name):
    """A layer in float64 with gains, biases and directions of its own, and an input."""
    make, shape, dim, apply = CASES[name]
    rng = torch.Generator().manual_seed(0)
    layer = make().double()
    with torch.no_grad():
        # Directions so long that the 1e-6 under the root does not count.
        layer.weight.copy_(1e3 * torch.randn(layer.weight.shape, generator=rng))
        layer.gain.copy_(torch.tensor([0.3, -1.7, 2.5]))
        layer.bias.copy_(torch.tensor([1.0, -2.0, 0.5]))
    x = torch.randn(shape, generator=rng, dtype=torch.float64, requires_grad=True)
    return layer, x, dim, apply


def slow_weight(v, g, dim, eps=0.0):
    """g·v/√(‖v‖² + ε), one output unit at a time."""
    units = [g[i] * v.select(dim, i) / (v.select(dim, i).pow(2).sum() + eps).sqrt() for i in range(len(g))]
    return torch.stack(units, dim)


@pytest.mark.parametrize("name", CASES)
def test_output_and_gradients_are_those_of_the_normalised_weight(name):
    layer, x, dim, apply = build(name)
    v, b = layer.weight.detach().clone().requires_grad_(), layer.bias.detach().clone().requires_grad_()
    g = layer.gain.detach().clone().requires_grad_()
    expected = apply(layer, x, slow_weight(v, g, dim))
    expected = expected + b.view(-1, *[1] * (expected.ndim - 2))
    result = layer(x)
    torch.testing.assert_close(result, expected, rtol=1e-9, atol=1e-9)
    direction = torch.randn(result.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    ours, theirs = [x, layer.weight, layer.bias], [x, v, b]
    if isinstance(layer.gain, nn.Parameter):
        ours, theirs = [*ours, layer.gain], [*theirs, g]
    gradients = torch.autograd.grad(result, ours, direction)
    wanted = torch.autograd.grad(expected, theirs, direction)
    for gradient, want in zip(gradients, wanted, strict=True):
        # The gradient of v is of the order of 1e-3.
        torch.testing.assert_close(gradient, want, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_agrees_with_the_parametrisation_of_torch(name):
    layer, x, dim, _ = build(name)
    plain = {
        "linear": lambda: nn.Linear(4, 3),
        "conv": lambda: nn.Conv2d(2, 3, 3, 2, 1),
        "transposed": lambda: nn.ConvTranspose2d(2, 3, 5, 2, 2, (1, 0)),
    }[name]()
    reference = weight_norm(plain.double(), dim=dim)
    with torch.no_grad():
        reference.parametrizations.weight.original0.copy_(
            layer.gain.view([-1 if d == dim else 1 for d in range(layer.weight.ndim)])
        )
        reference.parametrizations.weight.original1.copy_(layer.weight)
        reference.bias.copy_(layer.bias)
    torch.testing.assert_close(layer(x), reference(x), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_length_of_v_does_not_matter_and_its_gradient_is_orthogonal_to_it(name):
    layer, x, dim, _ = build(name)
    before = layer(x)
    (gradient,) = torch.autograd.grad(before.square().sum(), layer.weight)
    others = [d for d in range(layer.weight.ndim) if d != dim]
    along = (gradient * layer.weight).sum(others)
    assert (along.abs() < 1e-9 * (gradient.norm() * layer.weight.norm())).all()
    with torch.no_grad():
        layer.weight.mul_(7)
    torch.testing.assert_close(layer(x), before, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("layer", "trained"),
    [
        (WeightNormLinear(4, 3), False),
        (WeightNormLinear(4, 3, trainable_gain=True), True),
        (WeightNormConv2d(2, 3, 3), False),
        (WeightNormConvTranspose2d(2, 3, 5, 2, 2, (1, 1)), True),
    ],
)
def test_a_frozen_gain_is_a_saved_buffer_that_gets_no_gradient(layer, trained):
    assert ("gain" in dict(layer.named_parameters())) is trained
    assert ("gain" in dict(layer.named_buffers())) is not trained
    assert "gain" in layer.state_dict()
    assert layer.gain.requires_grad is trained
    x = torch.randn(2, 4) if isinstance(layer, nn.Linear) else torch.randn(2, 2, 4, 4)
    layer(x).square().sum().backward()
    assert (layer.gain.grad is not None) is trained
    assert layer.bias.grad is not None and layer.weight.grad is not None


@pytest.mark.parametrize("name", CASES)
def test_starts_with_gain_one_and_bias_zero(name):
    layer = CASES[name][0]()
    assert torch.equal(layer.gain, torch.ones(3)) and torch.equal(layer.bias, torch.zeros(3))


@pytest.mark.parametrize("name", CASES)
def test_a_direction_of_length_zero_gives_the_bias(name):
    layer, x, _, _ = build(name)
    with torch.no_grad():
        layer.weight.zero_()
    result = layer(x)
    assert torch.equal(result, layer.bias.view(-1, *[1] * (result.ndim - 2)).expand_as(result))
    result.sum().backward()
    assert layer.weight.grad.isfinite().all()


@pytest.mark.parametrize("name", CASES)
def test_autocast_rounds_and_does_no_more(name):
    layer, x, _, _ = build(name)
    layer, x = layer.float(), x.detach().float()
    expected = layer(x)
    with torch.autocast("cpu", torch.bfloat16):
        result = layer(x)
    assert result.dtype == torch.bfloat16
    torch.testing.assert_close(result.float(), expected, rtol=0.03, atol=0.03)


def directions_and_gains(*members):
    """Weights of 3 units and their gains in float64, with gradients."""
    rng = torch.Generator().manual_seed(2)
    v = torch.randn(*members, 3, 4, 2, generator=rng, dtype=torch.float64, requires_grad=True)
    return v, torch.randn(*members, 3, generator=rng, dtype=torch.float64, requires_grad=True)


def weight_of(v, gain):
    return NormalisedWeight.apply(v, gain)[0]


def test_first_and_second_derivatives_are_those_of_finite_differences():
    inputs = directions_and_gains()
    assert torch.autograd.gradcheck(weight_of, inputs)
    assert torch.autograd.gradgradcheck(weight_of, inputs)


def test_the_fused_gradient_is_that_of_the_formula():
    inputs, direction = directions_and_gains(), torch.randn(3, 4, 2, dtype=torch.float64)
    fused = torch.autograd.grad(weight_of(*inputs), inputs, direction)
    for wanted in (
        torch.autograd.grad(weight_of(*inputs), inputs, direction, create_graph=True),
        torch.autograd.grad(slow_weight(*inputs, 0, EPS), inputs, direction),
    ):
        torch.testing.assert_close(fused, wanted, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("shared_gain", [False, True])
def test_a_stack_of_weights_is_normalised_member_by_member(shared_gain):
    v, gain = directions_and_gains(5)
    gains, dims = (gain[0], (0, None)) if shared_gain else (gain, (0, 0))
    stacked = torch.vmap(weight_of, dims)(v, gains)
    one_by_one = torch.stack([weight_of(v[i], gains if shared_gain else gains[i]) for i in range(5)])
    torch.testing.assert_close(stacked, one_by_one)
    direction = torch.randn_like(stacked)
    wanted = torch.autograd.grad(one_by_one, (v, gain), direction)
    torch.testing.assert_close(torch.autograd.grad(stacked, (v, gain), direction), wanted)

    def along(v, gain, direction):
        return (weight_of(v, gain) * direction).sum()

    of_members = torch.vmap(torch.func.grad(along), (*dims, 0))(v, gains, direction)
    torch.testing.assert_close(of_members, wanted[0])


@pytest.mark.parametrize("name", CASES)
def test_a_constant_weight_is_normalised_once_and_one_with_a_gradient_each_time(name):
    layer, x, _, _ = build(name)
    expected = layer(x)
    with constant_weights():
        for _ in range(2):  # the second pass has a graph of its own
            layer(x).sum().backward()
        layer.requires_grad_(False)
        torch.testing.assert_close(layer(x), expected)
        with torch.no_grad():
            layer.weight[0].neg_()
        torch.testing.assert_close(layer(x), expected)  # as promised, nobody looks at it again
    assert not torch.allclose(layer(x), expected)
