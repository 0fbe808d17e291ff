"""Noise layers: distribution, reproducibility, and None as the identity."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ssgan.layers import Dropout, GaussianNoise, NoisySequential


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


LAYERS = [GaussianNoise([3, 4], 0.3), Dropout([3, 4], 0.4)]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_without_noise_the_input_is_passed_on(layer):
    x = torch.randn(5, 3, 4)
    assert layer.train()(x, None) is x and layer.eval()(x, None) is x


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_noise_is_drawn_from_the_given_generator_alone(layer):
    state = torch.get_rng_state()
    first, again, other = layer.draw(5, seeded()), layer.draw(5, seeded()), layer.draw(5, seeded(1))
    assert first.shape == (5, 3, 4) and first.dtype == torch.float32
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)
    rng = seeded()
    assert not torch.equal(layer.draw(5, rng), layer.draw(5, rng))


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_training_mode_does_not_matter(layer):
    x, noise = torch.randn(5, 3, 4), layer.draw(5, seeded())
    assert torch.equal(layer.train()(x, noise), layer.eval()(x, noise))


@pytest.mark.parametrize("std", [0.3, 2.0])
def test_gaussian_noise_is_normal_with_the_stated_deviation(std):
    layer = GaussianNoise([1000], std)
    noise = layer.draw(100, seeded()).double() / std
    moments = [noise.pow(k).mean().item() for k in (1, 2, 3, 4)]
    assert moments == pytest.approx([0, 1, 0, 3], abs=0.05)  # of N(0, 1)
    x = torch.randn(100, 1000)
    assert torch.equal(layer(x, (noise * std).float()), x + (noise * std).float())


@pytest.mark.parametrize("p", [0.2, 0.5])
def test_dropout_zeroes_a_share_p_and_scales_the_rest_to_keep_the_mean(p):
    layer = Dropout([1000], p)
    noise = layer.draw(100, seeded())
    kept = layer(torch.full((100, 1000), 3.0), noise)
    assert sorted(kept.unique().tolist()) == pytest.approx([0, 3 / (1 - p)])
    assert (kept == 0).float().mean().item() == pytest.approx(p, abs=0.01)
    assert kept.mean().item() == pytest.approx(3, rel=0.01)


def test_the_gradient_passes_through_the_kept_values_only():
    x, layer = torch.randn(5, 3, 4, requires_grad=True), Dropout([3, 4], 0.4)
    noise = layer.draw(5, seeded())
    (gradient,) = torch.autograd.grad(layer(x, noise).sum(), x)
    assert torch.equal(gradient, noise)


def test_a_sequence_draws_once_for_each_noise_layer_and_applies_in_order():
    network = NoisySequential(
        GaussianNoise([4], 0.3), nn.Linear(4, 3), Dropout([3], 0.5), nn.Tanh(), GaussianNoise([3], 0.1)
    )
    first, second, third = network.draw_noise(6, seeded())
    assert [tuple(n.shape) for n in (first, second, third)] == [(6, 4), (6, 3), (6, 3)]
    x = torch.randn(6, 4)
    expected = torch.tanh(network[1](x + first) * second) + third
    torch.testing.assert_close(network(x, (first, second, third)), expected)
    torch.testing.assert_close(network(x), torch.tanh(network[1](x)))


class Residual(NoisySequential):
    def forward(self, x, noise=None):
        return x + super().forward(x, noise)


def test_a_sequence_in_a_sequence_has_its_part_of_the_noise():
    inner = Residual(nn.Linear(4, 4), NoisySequential(Dropout([4], 0.5), nn.ReLU()), GaussianNoise([4], 0.2))
    network = NoisySequential(GaussianNoise([4], 0.3), inner, Dropout([4], 0.5))
    draws = first, second, third, fourth = network.draw_noise(6, seeded())
    x = torch.randn(6, 4)
    h = x + first
    expected = (h + torch.relu(inner[0](h) * second) + third) * fourth
    torch.testing.assert_close(network(x, draws), expected)
    torch.testing.assert_close(network(x), x + torch.relu(inner[0](x)))


def test_too_few_noises_are_an_error():
    network = NoisySequential(GaussianNoise([4], 0.3), GaussianNoise([4], 0.3))
    with pytest.raises((StopIteration, RuntimeError, ValueError)):
        network(torch.zeros(1, 4), network.draw_noise(1, seeded())[:1])
