"""The dense players as plain formulas, their features and noise, and the encoder's sizes."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ssgan.layers import BatchNorm, GaussianNoise, WeightNormLinear
from ssgan.networks import MLP
from tests.networks.formulas import batch_norm, layers, randomise, weights
from tests.networks.small import BATCH, build_d, build_g, images, seeded


def test_the_dense_discriminator_is_its_formula():
    network = randomise(build_d(shape=(1, 4, 3), model=MLP(discriminator_hidden=[7, 6, 5])))
    x = torch.rand(5, 1, 4, 3, generator=seeded()).double()
    noise = [n.double() for n in network.draw_noise(5, seeded(2))]
    first, second, third, last = layers(network, WeightNormLinear)
    h = x.flatten(1)
    for n, layer in zip(noise, (first, second, third), strict=False):
        h = F.relu(F.linear(h + n, weights(layer), layer.bias))
    output = network(x, noise)
    torch.testing.assert_close(output.features, h)
    torch.testing.assert_close(output.logits, F.linear(h + noise[3], weights(last), last.bias))


def test_the_dense_generator_is_its_formula():
    network = randomise(build_g(shape=(1, 4, 3), model=MLP(z_dim=4, generator_hidden=[7, 6])))
    z = torch.rand(5, 4, generator=seeded()).double()
    h = z
    dense = [m for m in network.modules() if type(m) is nn.Linear]
    for layer, norm in zip(dense, layers(network, BatchNorm), strict=True):
        h = torch.log1p(torch.exp(batch_norm(h @ layer.weight.T, norm)))
    (last,) = layers(network, WeightNormLinear)
    expected = 1 / (1 + torch.exp(-F.linear(h, weights(last), last.bias)))
    torch.testing.assert_close(network(z), expected.view(5, 1, 4, 3))


def test_sizes_of_the_dense_layers_are_the_generators_from_its_end():
    encoder = MLP(z_dim=5, generator_hidden=[7, 6]).build_encoder((1, 3, 4))
    weights = [tuple(layer.weight.shape) for layer in encoder.modules() if isinstance(layer, nn.Linear)]
    assert weights == [(6, 12), (7, 6), (10, 7)]


def test_features_are_taken_before_the_last_noise_and_after_all_other():
    network, x = build_d("mlp"), images(BATCH)
    noise = network.draw_noise(BATCH, seeded())
    start = network(x, noise)
    for i in range(len(noise)):
        changed = network(x, [n + 1 if j == i else n for j, n in enumerate(noise)])
        assert torch.equal(changed.features, start.features) is (i == len(noise) - 1)
        assert not torch.equal(changed.logits, start.logits)
    torch.testing.assert_close(start.logits, network.classifier(start.features + noise[-1]))


def test_the_images_have_noise_of_their_own_and_without_noise_there_is_none():
    network = build_d(shape=(1, 40, 50), model=MLP(discriminator_hidden=[400, 300], input_noise=0.2, hidden_noise=0.7))
    noise = network.draw_noise(50, seeded())
    assert [tuple(n.shape) for n in noise] == [(50, 2000), (50, 400), (50, 300)]
    assert [n.std().item() for n in noise] == pytest.approx([0.2, 0.7, 0.7], rel=0.02)
    assert [m.std for m in layers(network, GaussianNoise)] == [0.2, 0.7, 0.7]
    x = torch.rand(4, 1, 40, 50, generator=seeded(1))
    quiet = [torch.zeros_like(n[:4]) for n in noise]
    assert torch.equal(network(x).logits, network(x, quiet).logits)
