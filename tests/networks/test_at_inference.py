"""Evaluation mode for a while: each layer is afterwards in the mode in which it was."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ssgan.networks.at_inference import at_inference


def network() -> nn.Sequential:
    """In training mode, but for a norm whose statistics its user has frozen."""
    layers = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(3), nn.Sequential(nn.BatchNorm1d(3)))
    layers[1].eval()
    return layers


def test_within_it_nothing_is_drawn_or_counted():
    layers, x = network(), torch.randn(5, 3)
    before = {name: value.clone() for name, value in layers.state_dict().items()}
    state = torch.random.get_rng_state()
    with at_inference(layers) as same:
        assert same is layers
        assert torch.equal(same(x), same(x))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in layers.state_dict().items())


@pytest.mark.parametrize("fails", [False, True])
def test_each_layer_gets_its_own_mode_back(fails: bool):
    layers = network()
    before = [layer.training for layer in layers.modules()]
    assert set(before) == {True, False}
    try:
        with at_inference(layers):
            assert not any(layer.training for layer in layers.modules())
            if fails:
                raise ValueError
    except ValueError:
        pass
    assert [layer.training for layer in layers.modules()] == before
