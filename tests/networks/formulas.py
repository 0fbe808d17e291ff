"""Layers as plain formulas, for networks other than at their start."""

from __future__ import annotations

import torch

from tests.networks.small import seeded


def randomise(network):
    """Other than the start values, so that gains, biases and shifts count."""
    network.draw_parameters(seeded())
    rng = seeded(1)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if name.endswith(("gain", "bias")):
                value.copy_(torch.rand(value.shape, generator=rng) + 0.5)
    return network.double()


def weights(layer, dim=0):
    """g·v/‖v‖, with the authors' 1e-6 under the root."""
    v = layer.weight
    others = [d for d in range(v.ndim) if d != dim]
    shape = [-1 if d == dim else 1 for d in range(v.ndim)]
    return layer.gain.view(shape) * v / torch.sqrt(v.square().sum(others, keepdim=True) + 1e-6)


def batch_norm(x, layer):
    dims = [d for d in range(x.ndim) if d != 1]
    shape = [1, -1] + [1] * (x.ndim - 2)
    centred = x - x.mean(dims, keepdim=True)
    return centred / torch.sqrt(centred.square().mean(dims, keepdim=True) + 1e-6) + layer.bias.view(shape)


def layers(network, kinds):
    return [m for m in network.modules() if isinstance(m, kinds)]
