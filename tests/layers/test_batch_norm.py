"""Batch normalisation and virtual batch normalisation against loops over examples and channels."""

from __future__ import annotations

import math

import pytest
import torch

from ssgan.layers import BatchNorm, VirtualBatchNorm

SHAPES = {"dense": (), "conv": (3, 2)}
CHANNELS = 3


def inputs(n, space, seed=0):
    rng = torch.Generator().manual_seed(seed)
    scale = torch.tensor([1.0, 5.0, 0.2]).view(-1, *[1] * len(space))
    return scale * (torch.randn(n, CHANNELS, *space, generator=rng) + 1.5)


def with_bias(layer):
    with torch.no_grad():
        layer.bias.copy_(torch.tensor([0.5, -2.0, 7.0]))
    return layer


def average(values):
    return sum(values) / len(values)


def standardise(x, statistics, bias, eps):
    """(x − mean) / √(mean square − mean² + eps) + bias, with mean and mean square given."""
    mean, square = statistics
    return (x - mean) / torch.sqrt(square - mean**2 + eps) + bias


def statistics(values):
    """Mean and mean square of a list of numbers."""
    return average(values), average([v * v for v in values])


def slow_batch_norm(x, bias, eps):
    columns = [standardise(x[:, c], statistics(list(x[:, c].flatten())), bias[c], eps) for c in range(x.shape[1])]
    return torch.stack(columns, 1)


def slow_virtual_batch_norm(x, bias, eps, n):
    """Mean and mean square of the reference with weight n/(n+1), of the example with weight 1/(n+1)."""
    reference, examples = x[:n], x[n:]
    rows = []
    for example in examples:
        row = []
        for c in range(x.shape[1]):
            ours = statistics(list(reference[:, c].flatten()))
            own = statistics(list(example[c].flatten()))
            mixed = [n / (n + 1) * a + 1 / (n + 1) * b for a, b in zip(ours, own, strict=True)]
            row.append(standardise(example[c], mixed, bias[c], eps))
        rows.append(torch.stack(row))
    return torch.cat([slow_batch_norm(reference, bias, eps), *[row.unsqueeze(0) for row in rows]])


def assert_same_with_gradients(layer, slow, x):
    """Value, and gradients of input and shift along a random direction."""
    x = x.clone().requires_grad_()
    exact_x, exact_bias = x.detach().double().requires_grad_(), layer.bias.detach().double().requires_grad_()
    result, expected = layer(x), slow(exact_x, exact_bias)
    torch.testing.assert_close(result.double(), expected, rtol=1e-5, atol=1e-5)
    direction = torch.randn(result.shape, generator=torch.Generator().manual_seed(9))
    gradients = torch.autograd.grad(result, [x, layer.bias], direction)
    for gradient, wanted in zip(
        gradients, torch.autograd.grad(expected, [exact_x, exact_bias], direction.double()), strict=True
    ):
        torch.testing.assert_close(gradient.double(), wanted, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("space", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("eps", [1e-6, 0.3])
def test_batch_norm_is_the_formula(space, eps):
    layer = with_bias(BatchNorm(CHANNELS, eps))
    assert_same_with_gradients(layer, lambda x, bias: slow_batch_norm(x, bias, eps), inputs(6, space))


def test_batch_norm_of_one_dense_example_is_the_shift():
    layer, x = with_bias(BatchNorm(CHANNELS)), inputs(1, ()).requires_grad_()
    result = layer(x)
    # What rounding leaves of x − mean is divided by √eps = 1e-3.
    torch.testing.assert_close(result, layer.bias.detach().view(1, -1), rtol=0, atol=1e-3)
    result.sum().backward()
    assert x.grad.isfinite().all()


def test_batch_norm_of_one_image_uses_its_pixels():
    layer = with_bias(BatchNorm(CHANNELS))
    assert_same_with_gradients(layer, lambda x, bias: slow_batch_norm(x, bias, 1e-6), inputs(1, (3, 2)))


def test_batch_norm_has_a_shift_and_neither_scale_nor_running_statistics():
    layer = BatchNorm(CHANNELS)
    assert list(layer.state_dict()) == ["bias"] and torch.equal(layer.bias, torch.zeros(CHANNELS))
    x = inputs(6, ())
    trained = layer.train()(x)
    assert torch.equal(layer.eval()(x), trained)
    assert torch.equal(layer.eval()(x), trained)


@pytest.mark.parametrize("space", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("reference_size", [1, 4])
@pytest.mark.parametrize("eps", [1e-5, 0.3])
def test_virtual_batch_norm_is_the_formula(space, reference_size, eps):
    layer = with_bias(VirtualBatchNorm(CHANNELS, reference_size, eps))
    x = inputs(reference_size + 3, space)
    if not space and reference_size == 1:
        eps = layer.eps = 0.3  # one number has variance 0: nothing but eps is left to divide by
    assert_same_with_gradients(layer, lambda x, bias: slow_virtual_batch_norm(x, bias, eps, reference_size), x)


def test_virtual_batch_norm_of_a_known_number():
    """Reference {−1, 1} and example 3: mean 1, mean square (2·1 + 9)/3 = 11/3, so (3 − 1)/√(8/3)."""
    result = VirtualBatchNorm(1, 2, eps=1e-12)(torch.tensor([[-1.0], [1.0], [3.0]]))
    torch.testing.assert_close(result.flatten(), torch.tensor([-1.0, 1.0, 2 / math.sqrt(8 / 3)]))


@pytest.mark.parametrize("space", SHAPES.values(), ids=SHAPES)
def test_virtual_batch_norm_of_an_example_does_not_depend_on_its_companions(space):
    layer = with_bias(VirtualBatchNorm(CHANNELS, 4))
    x = inputs(9, space)
    changed = torch.cat([x[:5], 100 * x[5:]])
    alone = layer(x[:5])
    torch.testing.assert_close(layer(x)[:5], alone, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(layer(changed)[:5], alone, rtol=1e-6, atol=1e-6)
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(layer(x)[4].square().sum(), x)
    assert (gradient[5:] == 0).all() and (gradient[:5] != 0).any()


@pytest.mark.parametrize("space", SHAPES.values(), ids=SHAPES)
def test_reference_rows_are_normalised_by_the_reference_batch_alone(space):
    x = inputs(9, space)
    result = with_bias(VirtualBatchNorm(CHANNELS, 4, eps=1e-5))(x)[:4]
    torch.testing.assert_close(result, with_bias(BatchNorm(CHANNELS, eps=1e-5))(x[:4]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("space", SHAPES.values(), ids=SHAPES)
def test_virtual_batch_norm_survives_a_mean_far_larger_than_the_deviation(space):
    x = inputs(9, space) + 1e4
    layer = with_bias(VirtualBatchNorm(CHANNELS, 4))
    expected = slow_virtual_batch_norm(x.double(), layer.bias.detach().double(), layer.eps, 4)
    torch.testing.assert_close(layer(x).double(), expected, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("space", SHAPES.values(), ids=SHAPES)
def test_virtual_batch_norm_takes_statistics_of_bfloat16_in_float32(space):
    x = (inputs(9, space) + 20).bfloat16()
    layer = with_bias(VirtualBatchNorm(CHANNELS, 4))
    result = layer(x)
    assert result.dtype == torch.bfloat16
    expected = slow_virtual_batch_norm(x.double(), layer.bias.detach().double(), layer.eps, 4)
    torch.testing.assert_close(result.double(), expected, rtol=0.01, atol=0.01)


@pytest.mark.parametrize("space", SHAPES.values(), ids=SHAPES)
def test_batch_norm_takes_statistics_of_bfloat16_in_float32(space):
    x = (inputs(9, space) + 20).bfloat16()
    layer = with_bias(BatchNorm(CHANNELS))
    expected = slow_batch_norm(x.double(), layer.bias.detach().double(), layer.eps)
    torch.testing.assert_close(layer(x).double(), expected, rtol=0.01, atol=0.02)


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("space", SHAPES.values(), ids=SHAPES)
def test_batch_norm_of_stacked_members_is_each_members_in_lower_precisions_too(space, precision):
    layer = BatchNorm(CHANNELS)
    x = torch.stack([inputs(9, space, seed) for seed in (0, 1)]).to(precision)
    biases = torch.tensor([[0.5, -2.0, 7.0], [1.0, 3.0, -0.1]])
    result = torch.func.vmap(lambda bias, x: torch.func.functional_call(layer, {"bias": bias}, (x,)))(biases, x)
    assert result.dtype == precision
    for member, own, bias in zip(result, x, biases, strict=True):
        expected = slow_batch_norm(own.double(), bias.double(), layer.eps)
        torch.testing.assert_close(member.double(), expected, rtol=0.01, atol=0.02)


def test_layers_state_how_many_reference_examples_they_need():
    assert BatchNorm(3).reference_size == 0 and VirtualBatchNorm(3, 5).reference_size == 5
