"""The features of minibatch discrimination against a loop over pairs, kernels and dimensions."""

from __future__ import annotations

import pytest
import torch

from ssgan.layers import MinibatchFeatures, initialise_from_data, minibatch_features
from ssgan.layers.minibatch_features import closeness_sum

IN, KERNELS, DIM = 4, 3, 2


def build(include_self=False, reference_size=5, seed=0):
    """A layer whose scales and biases differ between kernels."""
    rng = torch.Generator().manual_seed(seed)
    layer = MinibatchFeatures(IN, KERNELS, DIM, reference_size, include_self)
    layer.draw_parameters(rng)
    with torch.no_grad():
        layer.log_scale.copy_(0.5 * torch.randn(KERNELS, DIM, generator=rng) - 1)
        layer.bias.copy_(torch.tensor([0.5, -1.0, 2.0]))
    return layer


def examples(*shape, seed=1):
    return torch.randn(*shape, IN, generator=torch.Generator().manual_seed(seed))


def slow_distance(a, b, weight, log_scale, kernel):
    """‖M_a − M_b‖₁ of one kernel, T's columns brought to length exp(log scale)."""
    total = 0
    for c in range(DIM):
        column = weight[:, kernel, c]
        column = column * torch.exp(log_scale[kernel, c]) / column.pow(2).sum().sqrt()
        total = total + ((a * column).sum() - (b * column).sum()).abs()
    return total


def slow_features(batch, weight, log_scale, bias, others=None, include_self=False):
    """``o(x_i)_b = bias_b + Σ_j exp(−‖M_{i,b} − M_{j,b}‖₁)`` over the batch or ``others``, and i if asked."""
    rows = []
    for i, a in enumerate(batch):
        row = []
        for kernel in range(KERNELS):
            total = bias[kernel]
            for j, b in enumerate(batch if others is None else others):
                if others is not None or i != j:
                    total = total + torch.exp(-slow_distance(a, b, weight, log_scale, kernel))
            row.append(total + 1 if include_self else total)
        rows.append(torch.stack(row))
    return torch.stack(rows)


def exact(layer):
    return [p.detach().double().requires_grad_() for p in (layer.weight, layer.log_scale, layer.bias)]


def assert_same_with_gradients(layer, slow, features):
    x, exact_x = features.clone().requires_grad_(), features.double().requires_grad_()
    parameters = exact(layer)
    result, expected = layer(x), slow(exact_x, *parameters)
    torch.testing.assert_close(result.double(), expected, rtol=1e-5, atol=1e-5)
    direction = torch.randn(result.shape, generator=torch.Generator().manual_seed(9))
    gradients = torch.autograd.grad(result, [x, layer.weight, layer.log_scale, layer.bias], direction)
    wanted = torch.autograd.grad(expected, [exact_x, *parameters], direction.double(), materialize_grads=True)
    for gradient, want in zip(gradients, wanted, strict=True):
        torch.testing.assert_close(gradient.double(), want, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("include_self", [False, True])
@pytest.mark.parametrize(("parts", "n"), [(1, 5), (3, 4), (2, 1)])
def test_features_and_gradients_are_the_formula_for_each_part(include_self, parts, n):
    def slow(x, *parameters):
        return torch.stack([slow_features(part, *parameters, include_self=include_self) for part in x])

    assert_same_with_gradients(build(include_self), slow, examples(parts, n))


def test_including_the_example_itself_adds_one():
    x = examples(2, 4)
    torch.testing.assert_close(build(include_self=True)(x), build(include_self=False)(x) + 1)


@pytest.mark.parametrize("include_self", [False, True])
def test_a_collapsed_batch_has_large_sums(include_self):
    """All closenesses are 1; a batch of examples far apart has none."""
    layer, n = build(include_self), 6
    alike = layer(examples(1, 1).expand(1, n, IN)) - layer.bias
    torch.testing.assert_close(alike, torch.full((1, n, KERNELS), float(n if include_self else n - 1)))
    apart = layer(1e4 * examples(1, n)) - layer.bias
    torch.testing.assert_close(apart, torch.full((1, n, KERNELS), 1.0 if include_self else 0.0))


@pytest.mark.parametrize("include_self", [False, True])
def test_a_batch_of_one_has_no_companions(include_self):
    layer = build(include_self)
    torch.testing.assert_close(layer(examples(1, 1))[0, 0], layer.bias + float(include_self))


def test_permuting_the_examples_permutes_the_features():
    layer, x, order = build(), examples(1, 6), torch.tensor([3, 0, 5, 1, 4, 2])
    torch.testing.assert_close(layer(x[:, order]), layer(x)[:, order])


def test_parts_do_not_see_each_other():
    layer, x = build(), examples(3, 4)
    changed = x.clone()
    changed[1:] += 1
    torch.testing.assert_close(layer(x)[0], layer(x[:1])[0])
    torch.testing.assert_close(layer(changed)[0], layer(x)[0])
    leaf = x.requires_grad_()
    (gradient,) = torch.autograd.grad(layer(leaf)[0].sum(), leaf)
    assert (gradient[1:] == 0).all() and (gradient[0] != 0).any()


def test_a_shift_of_all_features_and_the_length_of_t_do_not_matter():
    layer, x = build(), examples(1, 6)
    before = layer(x)
    torch.testing.assert_close(layer(x + 2), before, rtol=1e-5, atol=1e-5)
    with torch.no_grad():
        layer.weight.mul_(9)
    torch.testing.assert_close(layer(x), before)


@pytest.mark.parametrize("include_self", [False, True])
def test_inference_compares_with_the_reference_alone(include_self):
    layer, x, reference = build(include_self), examples(1, 4), examples(5, seed=2)
    expected = slow_features(x[0].double(), *exact(layer), others=reference.double(), include_self=include_self)
    result = layer(x, reference)
    torch.testing.assert_close(result[0].double(), expected, rtol=1e-5, atol=1e-5)
    for i in range(4):
        torch.testing.assert_close(layer(x[:, i : i + 1], reference)[:, 0], result[:, i])


@pytest.mark.parametrize("include_self", [False, True])
def test_inference_is_on_the_scale_of_training(include_self):
    """An example compared with the others of its batch as a reference gives what it gave among them."""
    layer, x = build(include_self), examples(1, 6)
    torch.testing.assert_close(layer(x[:, :1], x[0, 1:]), layer(x)[:, :1])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_and_autocast_are_computed_in_float32(dtype):
    layer, x = build(), examples(1, 6).to(dtype)
    expected = layer(x.float())
    assert torch.equal(layer(x), expected) and expected.dtype == torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(layer(x), expected)
        assert torch.equal(layer(x, x[0].float()), layer(x.float(), x[0].float()))


@pytest.mark.parametrize("include_self", [False, True])
def test_data_dependent_start_brings_neighbours_to_distance_two_and_centres_the_sums(include_self):
    layer, x = build(include_self), 30 * examples(1, 8)
    start = layer.weight.clone()
    initialise_from_data(layer, x)
    weight, log_scale, _ = exact(layer)
    for kernel in range(KERNELS):
        nearest = [
            min(slow_distance(a, b, weight, log_scale, kernel).item() for j, b in enumerate(x[0].double()) if j != i)
            for i, a in enumerate(x[0].double())
        ]
        assert 0.5 * sum(nearest) / len(nearest) == pytest.approx(1, rel=1e-4)
    torch.testing.assert_close(layer(x).mean((0, 1)), torch.zeros(KERNELS), rtol=0, atol=1e-5)
    assert torch.equal(layer.weight, start)


def test_the_start_returns_what_the_layer_now_gives():
    layer, x = build(), examples(1, 8)
    returned = layer.initialise_from_output((x,), layer(x))
    torch.testing.assert_close(returned, layer(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("x", [torch.ones(1, 5, IN), torch.ones(1, 1, IN)], ids=["all alike", "one example"])
def test_data_dependent_start_from_a_batch_without_distances_stays_finite(x):
    layer = build()
    initialise_from_data(layer, x)
    assert all(p.isfinite().all() for p in layer.parameters()) and layer(x).isfinite().all()


def test_start_values():
    layer = MinibatchFeatures(300, 20, 5, 1)
    layer.draw_parameters(torch.Generator().manual_seed(0))
    assert layer.weight.mean().item() == pytest.approx(0, abs=2e-3)
    assert layer.weight.std().item() == pytest.approx(0.05, rel=0.02)
    assert (layer.log_scale == 0).all() and (layer.bias == -1).all() and layer.out_features == 20


@pytest.mark.parametrize("parts", [1, 3])
def test_all_parts_at_once_as_on_a_gpu_are_the_parts_one_after_the_other(parts, monkeypatch):
    torch.manual_seed(0)
    rows, grad = torch.randn(parts, 5, 4, 3, dtype=torch.float64), torch.randn(parts, 5, 4, dtype=torch.float64)
    found = []
    for at_once in (1, 2, parts):
        monkeypatch.setattr(minibatch_features, "_parts_at_once", lambda _, n=at_once: n)
        leaf = rows.clone().requires_grad_()
        sums = closeness_sum(leaf)
        (gradient,) = torch.autograd.grad(sums, leaf, grad)
        found.append((sums, gradient))
    torch.testing.assert_close(found[0], found[1])
    torch.testing.assert_close(found[0], found[2])
    differences = (rows.unsqueeze(2) - rows.unsqueeze(1)).abs().sum(-1)
    torch.testing.assert_close(found[1][0], (-differences).exp().sum(2))
