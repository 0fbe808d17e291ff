"""Data-dependent initialisation: what the layers give afterwards on the same batch and noise."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ssgan.layers import (
    Dropout,
    GaussianNoise,
    NoisySequential,
    WeightNormConv2d,
    WeightNormConvTranspose2d,
    WeightNormLinear,
    initialise_from_data,
)

WEIGHT_NORM = (WeightNormLinear, WeightNormConv2d, WeightNormConvTranspose2d)

STACKS = {
    "dense": (
        lambda: NoisySequential(
            GaussianNoise([6], 0.3),
            WeightNormLinear(6, 8),
            nn.ReLU(),
            GaussianNoise([8], 0.5),
            WeightNormLinear(8, 7),
            nn.ReLU(),
            WeightNormLinear(7, 3, trainable_gain=True, init_std=0.1),
        ),
        (50, 6),
    ),
    "conv": (
        lambda: NoisySequential(
            Dropout([2, 6, 6], 0.2),
            WeightNormConv2d(2, 4, 3, padding=1),
            nn.LeakyReLU(0.2),
            WeightNormConv2d(4, 5, 3, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            WeightNormConvTranspose2d(5, 3, 5, 2, 2, (1, 1), init_std=0.1),
        ),
        (20, 2, 6, 6),
    ),
}


def outputs_by_layer(network, *inputs):
    """The output of each weight-normalised layer in a plain pass."""
    outputs = {}
    hooks = [
        layer.register_forward_hook(lambda m, args, output: outputs.__setitem__(m, output.detach()))
        for layer in network.modules()
        if isinstance(layer, WEIGHT_NORM)
    ]
    network(*inputs)
    for hook in hooks:
        hook.remove()
    return outputs


def initialised(name, seed=0):
    make, shape = STACKS[name]
    torch.manual_seed(seed)
    network = make().double()
    # Inputs far from centred, so that the biases matter.
    x = 3 + 2 * torch.randn(shape, dtype=torch.float64)
    noise = tuple(n.double() for n in network.draw_noise(len(x), torch.Generator().manual_seed(seed)))
    initialise_from_data(network, x, noise)
    return network, x, noise


@pytest.mark.parametrize("name", STACKS)
def test_every_unit_is_centred_and_has_the_stated_deviation(name):
    network, x, noise = initialised(name)
    outputs = outputs_by_layer(network, x, noise)
    assert len(outputs) == 3
    for layer, output in outputs.items():
        for unit in output.unbind(1):
            assert unit.mean().item() == pytest.approx(0, abs=1e-9)
            assert unit.square().mean().sqrt().item() == pytest.approx(layer.init_std, rel=1e-9)


@pytest.mark.parametrize("name", STACKS)
def test_directions_stay_and_nothing_is_left_behind(name):
    make, _ = STACKS[name]
    torch.manual_seed(0)
    start = [p.clone() for n, p in make().double().named_parameters() if n.endswith("weight")]
    network, *_ = initialised(name)
    assert all(map(torch.equal, start, [p for n, p in network.named_parameters() if n.endswith("weight")]))
    assert not any(m._forward_hooks for m in network.modules())


def test_the_pass_records_no_gradient():
    network, recorded = nn.Sequential(WeightNormLinear(4, 3), nn.ReLU()), []
    network[1].register_forward_hook(lambda m, args, output: recorded.append(torch.is_grad_enabled()))
    initialise_from_data(network, torch.randn(5, 4))
    assert recorded == [False]


def test_hooks_are_removed_when_the_pass_fails():
    network = nn.Sequential(WeightNormLinear(4, 3))
    with pytest.raises(RuntimeError):
        initialise_from_data(network, torch.zeros(2, 5))
    assert not any(m._forward_hooks for m in network.modules())


def test_a_layer_without_init_std_keeps_gain_one_and_bias_zero():
    network = nn.Sequential(WeightNormLinear(4, 3, trainable_gain=True, init_std=None))
    initialise_from_data(network, 5 + torch.randn(10, 4))
    assert torch.equal(network[0].gain, torch.ones(3)) and torch.equal(network[0].bias, torch.zeros(3))


@pytest.mark.parametrize("x", [torch.full((10, 4), 2.0), torch.zeros(10, 4), torch.ones(1, 4)])
def test_a_unit_that_never_varies_stays_finite(x):
    network = nn.Sequential(WeightNormLinear(4, 3), nn.ReLU(), WeightNormLinear(3, 2, trainable_gain=True))
    initialise_from_data(network, x)
    assert all(value.isfinite().all() for value in network.state_dict().values())
    assert network(x).isfinite().all()


def test_a_second_initialisation_forgets_the_first():
    network, x, noise = initialised("dense")
    once = {key: value.clone() for key, value in network.state_dict().items()}
    initialise_from_data(network, -7 + 4 * x, noise)
    initialise_from_data(network, x, noise)
    torch.testing.assert_close(network.state_dict(), once)
