"""Encoders are the mirror images of the generators, and their sizes those of the authors' code."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ssgan.errors import ConfigError
from ssgan.layers import initialise_from_data
from ssgan.networks import MLP, Architecture, Conv
from tests.networks.small import SMALL, images


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 9, 10), (3, 5, 2)])
def test_mean_and_deviation_have_a_value_for_each_dimension_of_z(name, shape):
    mean, log_std = SMALL[name].build_encoder(shape)(images(4, shape))
    assert mean.shape == log_std.shape == (4, 5)


def test_sizes_of_the_convolutions_are_those_of_bad_gan():
    """github.com/kimiyoung/ssl_bad_gan, model.py: 3 → 128 → 256 → 512 channels by 5×5, then 512·4·4 → 200."""
    encoder = Conv().build_encoder((3, 32, 32))
    weights = [tuple(layer.weight.shape) for layer in encoder.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert weights == [(128, 3, 5, 5), (256, 128, 5, 5), (512, 256, 5, 5), (200, 8192)]


def test_sizes_of_the_dense_layers_are_the_generators_from_its_end():
    encoder = MLP(z_dim=5, generator_hidden=[7, 6]).build_encoder((1, 3, 4))
    weights = [tuple(layer.weight.shape) for layer in encoder.modules() if isinstance(layer, nn.Linear)]
    assert weights == [(6, 12), (7, 6), (10, 7)]


@pytest.mark.parametrize("name", SMALL)
def test_start_values_from_data_centre_and_scale_the_output(name):
    encoder = SMALL[name].build_encoder((2, 9, 10))
    x = images(200)
    initialise_from_data(encoder, x)
    output = torch.cat(encoder(x), 1)
    torch.testing.assert_close(output.mean(0), torch.zeros(10), rtol=0, atol=1e-5)
    torch.testing.assert_close(output.std(0, correction=0), torch.full((10,), 0.1), rtol=1e-3, atol=0)


def test_an_architecture_without_an_encoder_says_so():
    """One of the user's own need not define it; here that of all architectures is asked for."""
    with pytest.raises(ConfigError, match="model: MLP has no encoder"):
        Architecture.build_encoder(SMALL["mlp"], (1, 3, 4))
