"""The published networks layer by layer, and their parameter counts."""

from __future__ import annotations

import pytest
from torch import nn

from ssgan.layers import (
    BatchNorm,
    Dropout,
    GaussianNoise,
    Softplus,
    WeightNormConv2d,
    WeightNormConvTranspose2d,
    WeightNormLinear,
)
from ssgan.networks import MLP, Conv
from ssgan.tricks import MinibatchDiscrimination, TrickSet

MNIST, SVHN = (1, 28, 28), (3, 32, 32)
MINIBATCH = {"minibatch_discrimination": MinibatchDiscrimination()}


def discriminator(model, shape, tricks=None):
    return model.build_discriminator(shape, 10, TrickSet(tricks), 100)


def generator(model, shape):
    return model.build_generator(shape, TrickSet(), 100)


def count(network):
    return sum(p.numel() for p in network.parameters())


def conv_d_count(a, b, head=0):
    """Weights and a bias for each unit, trained gain in the last layer only; ``head`` further features of it."""
    kernels = 3 * a * 9 + 2 * a * a * 9 + a * b * 9 + 2 * b * b * 9 + b * b * 9 + 2 * b * b
    return kernels + 3 * a + 6 * b + (b + head) * 10 + 10 + 10


MNIST_D = 784 * 1000 + 1000 * 500 + 500 * 250 + 250 * 250 + 250 * 250 + 250 * 10 + (1000 + 500 + 3 * 250 + 10) + 10
# A shift for each hidden unit; bias and trained gain for each pixel.
MNIST_G = 100 * 500 + 500 * 500 + 500 * 784 + 500 + 500 + 784 + 784
CONV_G = 100 * 8192 + (512 * 256 + 256 * 128 + 128 * 3) * 25 + 8192 + 256 + 128 + 3 + 3
MINIBATCH_HEAD = 192 * 100 * 5 + 100 * 5 + 100  # T, log scale, bias


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (lambda: discriminator(MLP(), MNIST), MNIST_D),
        (lambda: generator(MLP(), MNIST), MNIST_G),
        (lambda: discriminator(Conv(), SVHN), conv_d_count(64, 128)),
        (lambda: discriminator(Conv(discriminator_widths=[96, 192]), SVHN), conv_d_count(96, 192)),
        (
            lambda: discriminator(Conv(discriminator_widths=[96, 192]), SVHN, MINIBATCH),
            conv_d_count(96, 192, head=100) + MINIBATCH_HEAD,
        ),
        (lambda: generator(Conv(), SVHN), CONV_G),
    ],
    ids=["MNIST D", "MNIST G", "SVHN D", "CIFAR D", "CIFAR D, minibatch", "conv G"],
)
def test_number_of_trained_parameters(network, expected):
    assert count(network()) == expected


def describe(module):
    """A layer as a row of the recipe's table; None for what is only a container or a change of shape."""
    match module:
        case GaussianNoise():
            return ("noise", module.std)
        case Dropout():
            return ("dropout", module.p)
        case WeightNormLinear():
            return ("dense", module.out_features, "trained" if module.gain.requires_grad else "frozen", module.init_std)
        case WeightNormConv2d():
            size = (module.kernel_size[0], module.stride[0], module.padding[0])
            return ("conv", module.out_channels, *size, "trained" if module.gain.requires_grad else "frozen")
        case WeightNormConvTranspose2d():
            padding = (module.kernel_size[0], module.stride[0], module.padding[0], module.output_padding[0])
            assert module.gain.requires_grad
            return ("last deconv", module.out_channels, *padding, module.init_std)
        case nn.ConvTranspose2d():
            assert module.bias is None
            padding = (module.kernel_size[0], module.stride[0], module.padding[0], module.output_padding[0])
            return ("deconv", module.out_channels, *padding)
        case nn.Linear():
            assert module.bias is None
            return ("plain dense", module.out_features)
        case BatchNorm():
            return ("norm", len(module.bias))
        case nn.LeakyReLU():
            return ("leaky", module.negative_slope)
        case nn.ReLU() | Softplus() | nn.Sigmoid() | nn.Tanh() | nn.AdaptiveAvgPool2d():
            return (type(module).__name__,)
    return None


def rows(network):
    return [row for module in network.modules() if (row := describe(module)) is not None]


def test_mnist_discriminator_layer_by_layer():
    hidden = []
    for i, width in enumerate([1000, 500, 250, 250, 250]):
        hidden += [("noise", 0.5 if i else 0.3), ("dense", width, "frozen", 1.0), ("ReLU",)]
    assert rows(discriminator(MLP(), MNIST)) == [*hidden, ("noise", 0.5), ("dense", 10, "trained", 1.0)]


def test_mnist_generator_layer_by_layer():
    hidden = [("plain dense", 500), ("norm", 500), ("Softplus",)]
    assert rows(generator(MLP(), MNIST)) == [*hidden, *hidden, ("dense", 784, "trained", None), ("Sigmoid",)]


def conv_rows(a, b, input_noise):
    def conv(width, kernel, stride=1, padding=0):
        return [("conv", width, kernel, stride, padding, "frozen"), ("leaky", 0.2)]

    return [
        input_noise,
        *conv(a, 3, 1, 1), *conv(a, 3, 1, 1), *conv(a, 3, 2, 1), ("dropout", 0.5),
        *conv(b, 3, 1, 1), *conv(b, 3, 1, 1), *conv(b, 3, 2, 1), ("dropout", 0.5),
        *conv(b, 3), *conv(b, 1), *conv(b, 1),
        ("AdaptiveAvgPool2d",), ("dense", 10, "trained", 0.1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (Conv(), conv_rows(64, 128, ("dropout", 0.2))),
        (Conv(discriminator_widths=[96, 192]), conv_rows(96, 192, ("dropout", 0.2))),
        (
            Conv(discriminator_widths=[96, 192], input_dropout=0.0, input_noise=0.2),
            conv_rows(96, 192, ("noise", 0.2)),
        ),
    ],
    ids=["SVHN", "CIFAR", "minibatch discrimination"],
)
def test_conv_discriminator_layer_by_layer(model, expected):
    assert rows(discriminator(model, SVHN)) == expected


def test_conv_generator_layer_by_layer():
    assert rows(generator(Conv(), SVHN)) == [
        ("plain dense", 8192), ("norm", 8192), ("ReLU",),
        ("deconv", 256, 5, 2, 2, 1), ("norm", 256), ("ReLU",),
        ("deconv", 128, 5, 2, 2, 1), ("norm", 128), ("ReLU",),
        ("last deconv", 3, 5, 2, 2, 1, 0.1), ("Tanh",),
    ]  # fmt: skip
