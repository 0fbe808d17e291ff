"""Spectral normalisation of D against singular values computed exactly."""

from __future__ import annotations

import copy

import pytest
import torch

from ssgan.layers import WeightNormConv2d, WeightNormLinear, initialise_from_data
from ssgan.tricks import SpectralNorm
from tests.tricks.steps import SHAPE, Step, images, seeded


@pytest.mark.parametrize("architecture", ["mlp", "conv"])
def test_the_largest_singular_value_of_each_weight_becomes_one(architecture):
    step = Step(architecture, spectral_norm=SpectralNorm(iterations=300))
    layers = [m for m in step.discriminator.modules() if isinstance(m, WeightNormLinear | WeightNormConv2d)]
    assert len(layers) == {"mlp": 3, "conv": 10}[architecture]
    for layer in layers:
        matrix = (layer.weight * layer.weight_scale(layer.weight)).flatten(1)
        assert torch.linalg.svdvals(matrix)[0].item() == pytest.approx(1, rel=1e-4)
        if isinstance(layer, WeightNormLinear):
            x = torch.rand(1, layer.in_features)
            expected = layer.gain * (x @ matrix.T) + layer.bias
        else:
            x = torch.rand(1, layer.in_channels, 7, 8)
            kernel = layer.gain.view(-1, 1, 1, 1) * matrix.view(layer.weight.shape)
            expected = torch.nn.functional.conv2d(x, kernel, layer.bias, layer.stride, layer.padding)
        torch.testing.assert_close(layer(x), expected, rtol=1e-4, atol=1e-5)


def test_the_start_values_are_still_taken_from_data():
    """Each unit of the first layer has mean 0 and standard deviation 1 on the images of the initialisation."""
    discriminator = Step(spectral_norm=SpectralNorm()).discriminator
    some, outputs = torch.rand(50, *SHAPE, generator=seeded(8)), []
    noise = discriminator.draw_noise(50, seeded(9))
    initialise_from_data(discriminator, some, noise)
    first = next(m for m in discriminator.modules() if isinstance(m, WeightNormLinear))
    first.register_forward_hook(lambda layer, args, output: outputs.append(output.clone()))
    discriminator(some, noise)
    torch.testing.assert_close(outputs[0].mean(0), torch.zeros(8), rtol=0, atol=1e-4)
    torch.testing.assert_close(outputs[0].std(0, correction=0), torch.ones(8), rtol=1e-3, atol=0)


def test_it_is_a_function_of_the_weights_alone():
    """A second pass, and a copy with other weights, have no memory of what was before."""
    step = Step(spectral_norm=SpectralNorm())
    x = images(3)
    first = step.discriminator(x).logits
    other = copy.deepcopy(step.discriminator)
    with torch.no_grad():
        for p in other.parameters():
            p.add_(torch.randn(p.shape, generator=seeded(5)))
    other(x)
    other.load_state_dict(step.discriminator.state_dict())
    assert torch.equal(other(x).logits, first) and torch.equal(step.discriminator(x).logits, first)


def test_multiplying_a_weight_changes_nothing():
    step = Step(spectral_norm=SpectralNorm())
    x = images(3)
    before = step.discriminator(x).logits
    with torch.no_grad():
        step.discriminator.classifier.weight.mul_(3.0)
    torch.testing.assert_close(step.discriminator(x).logits, before, rtol=1e-4, atol=1e-5)


def test_without_it_ds_layers_keep_weight_norm():
    assert all(getattr(m, "weight_scale", None) is None for m in Step().discriminator.modules())
