"""Start values: drawn as published, from the given generator alone, and then scaled by data."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from torch import nn

from ssgan.layers import WeightNormConv2d, WeightNormConvTranspose2d, WeightNormLinear, initialise_from_data
from ssgan.networks import MLP, Conv
from ssgan.networks.weights import initialise_weights
from tests.networks.small import HEAD, SMALL, VBN, build_d, build_g, images, seeded

WEIGHT_NORM = (WeightNormLinear, WeightNormConv2d, WeightNormConvTranspose2d)


def plain_weights(network):
    return [m.weight for m in network.modules() if isinstance(m, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)]


def assert_normal(weight, std):
    values = weight.detach().double().flatten() / std
    n = len(values)
    tolerance = 5 / math.sqrt(n)
    assert values.mean().item() == pytest.approx(0, abs=tolerance)
    assert values.square().mean().item() == pytest.approx(1, abs=tolerance * math.sqrt(2))
    assert values.pow(4).mean().item() == pytest.approx(3, abs=tolerance * math.sqrt(96))


@pytest.mark.parametrize(
    ("network", "std", "layers"),
    [
        (lambda: build_d("mlp", (1, 28, 28), model=MLP()), 0.1, 6),
        (lambda: build_d("conv", (3, 32, 32), model=Conv()), 0.05, 10),
        (lambda: build_g("conv", (3, 32, 32), model=Conv()), 0.05, 4),
    ],
    ids=["dense D", "conv D", "conv G"],
)
def test_start_weights_are_normal_with_the_published_deviation(network, std, layers):
    weights = plain_weights(network())
    assert len(weights) == layers
    for weight in weights:
        assert_normal(weight, std)


def test_the_dense_generator_starts_within_glorots_bound():
    weights = plain_weights(build_g("mlp", (1, 28, 28), model=MLP()))
    assert [tuple(w.shape) for w in weights] == [(500, 100), (500, 500), (784, 500)]
    for weight in weights:
        bound = math.sqrt(6 / sum(weight.shape))
        assert 0.99 * bound < weight.abs().max() <= bound
        assert weight.var().item() == pytest.approx(bound**2 / 3, rel=0.02)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("build", [build_g, build_d])
def test_start_values_come_from_the_given_generator_alone(name, build):
    states = []
    for torch_seed, seed in ((1, 0), (2, 0), (1, 3)):
        torch.manual_seed(torch_seed)
        network = build(name, tricks=HEAD | VBN, seed=seed)
        state = torch.get_rng_state()
        network.draw_parameters(seeded(seed))
        assert torch.equal(torch.get_rng_state(), state)
        states.append(network.state_dict())
    torch.testing.assert_close(states[0], states[1], rtol=0, atol=0)
    drawn = [key for key in states[0] if key.endswith("weight")]
    assert drawn and not any(torch.equal(states[0][key], states[2][key]) for key in drawn)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("tricks", [{}, HEAD], ids=["plain", "head"])
def test_after_the_start_from_data_every_layer_of_d_is_centred_and_scaled(name, tricks):
    network, x = build_d(name, tricks=tricks), images(50)
    noise = network.draw_noise(50, seeded())
    initialise_from_data(network, x, noise)
    outputs = {}
    for layer in network.modules():
        if isinstance(layer, WEIGHT_NORM):
            layer.register_forward_hook(lambda m, args, output: outputs.__setitem__(m, output.detach().clone()))
    network(x, noise)
    assert len(outputs) == {"mlp": 3, "conv": 10}[name]
    last_std = {"mlp": 1.0, "conv": 0.1}[name]
    for layer, output in outputs.items():
        std = last_std if layer is network.classifier else 1.0
        units = output.transpose(0, 1).flatten(1)
        torch.testing.assert_close(units.mean(1), torch.zeros(len(units)), rtol=0, atol=1e-4)
        torch.testing.assert_close(units.std(1, correction=0), torch.full((len(units),), std), rtol=1e-3, atol=0)


def test_the_start_from_data_scales_the_conv_generators_output_and_leaves_the_dense_one():
    for name in SMALL:
        network = build_g(name)
        outputs = []
        last = next(m for m in network.modules() if isinstance(m, WEIGHT_NORM))
        initialise_from_data(network, torch.rand(50, 5, generator=seeded()))
        last.register_forward_hook(lambda m, args, output, outputs=outputs: outputs.append(output.detach()))
        network(torch.rand(50, 5, generator=seeded()))
        if name == "conv":
            units = outputs[0].transpose(0, 1).flatten(1)
            torch.testing.assert_close(units.mean(1), torch.zeros(2), rtol=0, atol=1e-4)
            torch.testing.assert_close(units.std(1, correction=0), torch.full((2,), 0.1), rtol=1e-3, atol=0)
        else:
            assert (last.gain == 1).all() and (last.bias == 0).all()


def test_biases_start_at_zero_and_layers_without_a_generator_keep_their_own_start():
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2, bias=False)
    )
    nn.init.constant_(network[3].weight, 0.7)
    initialise_weights(network, partial(nn.init.normal_, std=2.0), seeded(5))
    rng = seeded(5)
    for layer in (network[0], network[2], network[4]):
        assert torch.equal(layer.weight, torch.empty_like(layer.weight).normal_(0, 2.0, generator=rng))
    assert not network[0].bias.any() and not network[2].bias.any()
    assert (network[3].weight == 0.7).all()
