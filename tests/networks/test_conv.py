"""The convolutional players: the sizes they fit, their noise, features and layout in memory, and their formulas."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ssgan.errors import ConfigError
from ssgan.layers import (
    BatchNorm,
    Dropout,
    GaussianNoise,
    WeightNormConv2d,
    WeightNormConvTranspose2d,
    WeightNormLinear,
)
from ssgan.networks import Conv
from ssgan.networks.conv import GlobalMaxPool
from ssgan.tricks import TrickSet
from tests.networks.formulas import batch_norm, layers, randomise, weights
from tests.networks.small import BATCH, SMALL, K, build_d, build_g, images, seeded


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 8, 32), (3, 32, 8), (1, 1, 1)])
def test_images_too_small_for_the_convolutions_are_refused_in_one_line(shape):
    with pytest.raises(ConfigError) as error:
        SMALL["conv"].build_discriminator(shape, K, TrickSet(), BATCH)
    assert f"{shape[1]}×{shape[2]}" in str(error.value) and "\n" not in str(error.value)


def test_a_first_stride_of_two_halves_all_that_follows_and_adds_no_parameter():
    plain, strided = (
        build_d(model=Conv(discriminator_widths=[4, 6], first_stride=s), shape=(1, 17, 28)) for s in (1, 2)
    )
    x = torch.rand(BATCH, 1, 17, 28, generator=seeded())
    sizes = []
    for layer in strided.modules():
        if isinstance(layer, WeightNormConv2d):
            layer.register_forward_hook(lambda m, args, output: sizes.append(tuple(output.shape[2:])))
    assert strided(x, strided.draw_noise(BATCH, seeded())).logits.shape == (BATCH, K)
    assert sizes == [(9, 14)] * 2 + [(5, 7)] * 3 + [(3, 4)] + [(1, 2)] * 3
    shapes = [{name: p.shape for name, p in network.named_parameters()} for network in (plain, strided)]
    assert shapes[0] == shapes[1]
    with pytest.raises(ConfigError, match="at least 17×17 pixels, these have 16×28"):
        build_d(model=Conv(first_stride=2), shape=(1, 16, 28))


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 2), (1, 8, 8), (2, 13, 22)])
def test_the_generator_fits_images_of_any_size(shape):
    assert build_g("conv", shape)(torch.rand(2, 5)).shape == (2, *shape)


def test_conv_features_are_what_the_last_layer_sees():
    network, x = build_d("conv"), images(BATCH)
    noise = network.draw_noise(BATCH, seeded())
    start = network(x, noise)
    torch.testing.assert_close(start.logits, network.classifier(start.features))
    for i in range(len(noise)):
        changed = network(x, [1 - n if j == i else n for j, n in enumerate(noise)])
        assert not torch.equal(changed.features, start.features)


@pytest.mark.parametrize(
    ("model", "kinds"),
    [
        (Conv(discriminator_widths=[4, 6], input_dropout=0.0, input_noise=0.2), [GaussianNoise, Dropout, Dropout]),
        (Conv(discriminator_widths=[4, 6], input_dropout=0.0), [Dropout, Dropout]),
        (Conv(discriminator_widths=[4, 6], hidden_dropout=0.0), [Dropout]),
    ],
)
def test_noise_that_is_switched_off_is_not_built(model, kinds):
    network = build_d(model=model)
    assert [type(m) for m in network.modules() if isinstance(m, GaussianNoise | Dropout)] == kinds
    assert len(network.draw_noise(2, seeded())) == len(kinds)


@pytest.mark.parametrize(
    ("drop", "whole"),
    [(None, [False] * 3), ("input", [True, False, False]), ("all", [True] * 3)],
)
def test_dropout_takes_single_values_or_whole_channels(drop: str | None, whole: list[bool]):
    network = build_d(model=Conv(discriminator_widths=[40, 60], drop_channels=drop, input_noise=0.1))
    kinds = [type(m) for m in network.modules() if isinstance(m, GaussianNoise | Dropout)]
    assert kinds == [GaussianNoise, Dropout, Dropout, Dropout], "as in Bad GAN noise comes before dropout"
    seen = []
    for layer in network.modules():
        if isinstance(layer, Dropout):
            layer.register_forward_hook(lambda m, args, output: seen.append((args[0], output)))
    n = 50
    network(images(n), network.draw_noise(n, seeded()))
    for (before, after), is_whole, p in zip(seen, whole, [0.2, 0.5, 0.5], strict=True):
        dropped = (after == 0).flatten(2)
        assert dropped.float().mean().item() == pytest.approx(p, abs=0.06)
        assert bool((dropped.all(2) | ~dropped.any(2)).all()) is is_whole
        torch.testing.assert_close(after[after != 0], before[after != 0] / (1 - p))


@pytest.mark.parametrize("channels", [1, 2])
def test_a_convolutional_discriminator_keeps_images_channels_last_and_so_is_their_noise(channels: int):
    shape = (channels, 9, 10)
    network, x = build_d("conv", shape), images(5, shape)
    noise = network.draw_noise(5, seeded())
    is_channels_last = [n.is_contiguous(memory_format=torch.channels_last) for n in noise]
    assert is_channels_last == [True] * len(noise)
    outputs = []
    for layer in network.modules():
        if isinstance(layer, WeightNormConv2d):
            layer.register_forward_hook(lambda m, args, output: outputs.append(output))
    network(x, noise)
    assert len(outputs) == 9 and all(y.is_contiguous(memory_format=torch.channels_last) for y in outputs)


def test_the_largest_activations_are_those_of_torchs_own_pool():
    x = torch.randn(3, 4, 5, 6, generator=seeded(), requires_grad=True)
    weight = torch.randn(3, 4, generator=seeded(1))
    found, expected = GlobalMaxPool()(x), nn.AdaptiveMaxPool2d(1)(x).flatten(1)
    assert torch.equal(found, expected)
    gradients = [torch.autograd.grad((weight * pooled).sum(), x)[0] for pooled in (found, expected)]
    assert torch.equal(*gradients)


def test_the_conv_discriminator_is_its_formula():
    network = randomise(build_d(shape=(2, 9, 12), model=Conv(discriminator_widths=[3, 4])))
    x = torch.rand(3, 2, 9, 12, generator=seeded()).double()
    noise = [n.double() for n in network.draw_noise(3, seeded(2))]
    convs, (last,) = layers(network, WeightNormConv2d), layers(network, WeightNormLinear)
    h = x * noise[0]
    for i, (layer, stride, padding) in enumerate(
        zip(convs, [1, 1, 2, 1, 1, 2, 1, 1, 1], [1, 1, 1, 1, 1, 1, 0, 0, 0], strict=True)
    ):
        h = F.leaky_relu(F.conv2d(h, weights(layer), layer.bias, stride, padding), 0.2)
        if i in (2, 5):
            h = h * noise[1 + i // 3]
    assert h.shape == (3, 4, 1, 1)  # 9×12 → 5×6 → 3×3 → 1×1
    output = network(x, noise)
    torch.testing.assert_close(output.features, h.mean((2, 3)))
    torch.testing.assert_close(output.logits, F.linear(h.mean((2, 3)), weights(last), last.bias))


def test_the_conv_generator_is_its_formula():
    network = randomise(build_g(shape=(2, 13, 16), model=Conv(z_dim=4, generator_widths=[5, 4, 3])))
    z = torch.rand(3, 4, generator=seeded()).double()
    (dense,) = layers(network, nn.Linear)
    norms = layers(network, BatchNorm)
    h = F.relu(batch_norm(z @ dense.weight.T, norms[0])).view(3, 5, 2, 2)
    first, second = [m for m in network.modules() if type(m) is nn.ConvTranspose2d]
    h = F.relu(batch_norm(F.conv_transpose2d(h, first.weight, None, 2, 2, (1, 1)), norms[1]))  # 2×2 → 4×4
    h = F.relu(batch_norm(F.conv_transpose2d(h, second.weight, None, 2, 2, (0, 1)), norms[2]))  # → 7×8
    (last,) = layers(network, WeightNormConvTranspose2d)
    h = F.conv_transpose2d(h, weights(last, dim=1), last.bias, 2, 2, (0, 1))  # → 13×16
    torch.testing.assert_close(network(z), torch.tanh(h))


def test_sizes_of_the_convolutions_are_those_of_bad_gan():
    """github.com/kimiyoung/ssl_bad_gan, model.py: 3 → 128 → 256 → 512 channels by 5×5, then 512·4·4 → 200."""
    encoder = Conv().build_encoder((3, 32, 32))
    weights = [tuple(layer.weight.shape) for layer in encoder.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert weights == [(128, 3, 5, 5), (256, 128, 5, 5), (512, 256, 5, 5), (200, 8192)]
