"""Historical averaging over a recorded trajectory."""

from __future__ import annotations

import copy

import pytest
import torch

from ssgan.layers import HistoricalAverage

WEIGHT = 0.7


def trajectory(steps):
    rng = torch.Generator().manual_seed(0)
    return [[torch.randn(3, 2, generator=rng), 5 + torch.randn(4, generator=rng)] for _ in range(steps)]


def found_means(layer):
    return [mean.double() + rest.double() for mean, rest in layer.means()]


def slow_means(past):
    return [sum(values).double() / len(past) for values in zip(*past, strict=True)]


@pytest.mark.parametrize("steps", [1, 2, 12])
def test_penalty_and_gradient_are_the_formula_with_the_mean_of_all_past_parameters(steps):
    path = trajectory(steps)
    layer = HistoricalAverage(path[0], WEIGHT)
    for theta in path[1:]:
        layer.update(theta)
    now = [torch.full((3, 2), 2.0, requires_grad=True), torch.full((4,), -1.0, requires_grad=True)]
    means = slow_means(path)
    penalty = layer(now)
    expected = WEIGHT * sum(((p.double() - mean) ** 2).sum() for p, mean in zip(now, means, strict=True))
    torch.testing.assert_close(penalty.double(), expected.detach(), rtol=1e-5, atol=1e-6)
    for p, mean, gradient in zip(now, means, torch.autograd.grad(penalty, now), strict=True):
        torch.testing.assert_close(gradient.double(), 2 * WEIGHT * (p.detach().double() - mean), rtol=1e-4, atol=1e-5)


def test_the_first_penalty_is_zero():
    (theta,) = trajectory(1)
    assert HistoricalAverage(theta, WEIGHT)(theta).item() == 0


def test_the_mean_is_a_copy_and_no_parameter():
    theta = [torch.ones(3, requires_grad=True)]
    layer = HistoricalAverage(theta, WEIGHT)
    with torch.no_grad():
        theta[0].add_(1)
    assert layer(theta).item() == pytest.approx(WEIGHT * 3)
    layer.update(theta)
    assert not list(layer.parameters()) and not any(m.requires_grad for m in layer.buffers())
    assert torch.equal(theta[0], torch.full((3,), 2.0))


def test_more_than_ten_parameters_keep_their_order():
    theta = [torch.full((2,), float(i)) for i in range(13)]
    layer = HistoricalAverage(theta, 1.0)
    layer.update(theta)
    assert layer(theta).item() == 0 and [m[0].item() for m in found_means(layer)] == list(range(13))


def test_state_round_trip_goes_on_where_it_stopped():
    path = trajectory(9)
    whole = HistoricalAverage(path[0], WEIGHT)
    for theta in path[1:5]:
        whole.update(theta)
    saved = copy.deepcopy(whole.state_dict())
    resumed = HistoricalAverage(path[7], WEIGHT)
    resumed.load_state_dict(saved)
    for theta in path[5:]:
        whole.update(theta)
        resumed.update(theta)
    assert torch.equal(whole(path[0]), resumed(path[0]))
    for mean, expected in zip(found_means(resumed), slow_means(path), strict=True):
        torch.testing.assert_close(mean, expected, rtol=1e-6, atol=1e-7)


def test_a_state_from_before_there_were_rests_is_taken():
    path = trajectory(9)
    layer = HistoricalAverage(path[0], WEIGHT)
    for theta in path[1:]:
        layer.update(theta)
    old = {name: value for name, value in layer.state_dict().items() if not name.startswith("rest_")}
    resumed = HistoricalAverage(path[3], WEIGHT)
    resumed.load_state_dict(old)
    torch.testing.assert_close(resumed(path[2]), layer(path[2]), rtol=1e-5, atol=0)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_the_history_is_exact_whatever_the_parameters_are_in(dtype):
    theta = [torch.full((2,), 1.0, dtype=dtype)]
    layer = HistoricalAverage(theta, 1.0)
    for _ in range(500):
        layer.update([theta[0] + 1])
    expected = torch.full((2,), (1 + 500 * 2) / 501, dtype=torch.float64)
    torch.testing.assert_close(found_means(layer)[0], expected, rtol=1e-9, atol=0)


def test_the_mean_follows_parameters_that_hardly_move_after_many_steps():
    """A float32 alone would not be changed by the millionth part of a difference of a hundredth."""
    layer = HistoricalAverage([torch.ones(3)], 1.0)
    layer.steps.fill_(999_999)
    for _ in range(100):
        layer.update([torch.full((3,), 1.01)])
    moved = found_means(layer)[0] - 1
    torch.testing.assert_close(moved, torch.full((3,), 0.01 * 100 / 1_000_099, dtype=torch.float64), rtol=1e-5, atol=0)


def test_over_a_long_run_the_penalty_is_the_one_of_exact_means():
    """Parameters that drift by a hundredth: by float32 means alone the penalty would be 1.6 % too small."""
    rng = torch.Generator().manual_seed(0)
    start = torch.randn(50, generator=rng) * 0.05
    layer, total = HistoricalAverage([start], 1.0), start.double().clone()
    for i in range(1, 20_000):
        theta = start * (1 + 0.01 * i / 20_000)
        layer.update([theta])
        total += theta.double()
    exact = (theta.double() - total / 20_000).square().sum().item()
    assert layer([theta]).item() == pytest.approx(exact, rel=1e-3)
