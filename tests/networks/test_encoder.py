"""Encoders are the mirror images of the generators, and their sizes those of the authors' code."""

from __future__ import annotations

import pytest
import torch

from ssgan.errors import ConfigError
from ssgan.layers import initialise_from_data
from ssgan.networks import Architecture
from tests.networks.small import SMALL, images


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 9, 10), (3, 5, 2)])
def test_mean_and_deviation_have_a_value_for_each_dimension_of_z(name, shape):
    mean, log_std = SMALL[name].build_encoder(shape)(images(4, shape))
    assert mean.shape == log_std.shape == (4, 5)


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
