"""The variational bound against PyTorch's normal distribution, and the encoder that learns with G."""

from __future__ import annotations

import math

import pytest
import torch

from ssgan.tricks import VariationalEntropy
from ssgan.tricks.variational_entropy import reconstruction_loss
from tests.tricks.steps import Step, assert_same_gradients, gradients

HALF_LOG_2_PI = 0.5 * math.log(2 * math.pi)


def slow_loss(mean, log_std, z):
    """By the density of each image's z, one after the other."""
    densities = [
        torch.distributions.Normal(m, s.exp()).log_prob(x).sum() for m, s, x in zip(mean, log_std, z, strict=True)
    ]
    return -sum(densities) / len(densities) - HALF_LOG_2_PI * z.shape[1]


@pytest.mark.parametrize(
    ("mean", "log_std", "z", "expected"),
    [
        ([[0.5]], [[0.0]], [[0.5]], 0.0),
        ([[0.5, 1.0]], [[0.0, 0.0]], [[1.5, 4.0]], 5.0),
        ([[0.0]], [[math.log(2.0)]], [[4.0]], math.log(2.0) + 2.0),
        ([[0.0], [1.0]], [[1.0], [3.0]], [[0.0], [1.0]], 2.0),
    ],
)
def test_known_numbers(mean, log_std, z, expected):
    found = reconstruction_loss(torch.tensor(mean), torch.tensor(log_std), torch.tensor(z))
    assert found.item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("architecture", ["mlp", "conv"])
def test_value_and_gradient_are_those_of_the_density(architecture):
    step = Step(architecture, variational_entropy=VariationalEntropy(weight=0.5))
    terms = step.g_terms()
    encoder, z = step.generator.companions["variational_entropy"], step.g_noise.z
    expected = 0.5 * slow_loss(*encoder(step.generator(z)), z)
    assert list(terms) == ["adversarial", "variational_entropy"]
    torch.testing.assert_close(terms["variational_entropy"], expected, rtol=1e-4, atol=1e-6)
    assert_same_gradients(terms["variational_entropy"], expected, step.generator)
    for player in (encoder, step.generator.hidden):
        assert all(gradient.abs().max() > 0 for gradient in gradients(terms["variational_entropy"], player))


def test_the_encoder_learns_z():
    step = Step("mlp", variational_entropy=VariationalEntropy(weight=1.0))
    optimiser = torch.optim.Adam(step.generator.parameters(), lr=1e-2)
    losses = []
    for _ in range(60):
        loss = step.g_terms()["variational_entropy"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 1
