"""The variational bound against PyTorch's normal distribution, and the encoder that learns with G."""

from __future__ import annotations

import math

import pytest
import torch

from ssgan.training.initialisation import initialise_players
from ssgan.tricks import TrickSet, VariationalEntropy
from ssgan.tricks.variational_entropy import reconstruction_loss
from tests.player_costs import ARCHITECTURES
from tests.tricks.steps import SHAPE, N, Step, assert_same_gradients, gradients, images, seeded

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
    encoder, z = step.companions["variational_entropy"], step.g_noise.z
    expected = 0.5 * slow_loss(*encoder(step.generator(z)), z)
    assert list(terms) == ["adversarial", "variational_entropy"]
    torch.testing.assert_close(terms["variational_entropy"], expected, rtol=1e-4, atol=1e-6)
    for player in (step.generator, encoder):
        assert_same_gradients(terms["variational_entropy"], expected, player)
    for player in (encoder, step.generator.hidden):
        assert all(gradient.abs().max() > 0 for gradient in gradients(terms["variational_entropy"], player))


def test_the_encoder_learns_z_of_images_that_it_has_not_seen():
    """It does better than the best constant answer, mean ½ and deviation 1/√12, and of other images' z far worse."""
    step = Step("mlp", variational_entropy=VariationalEntropy(weight=1.0))
    encoder, rng = step.companions["variational_entropy"], seeded(1)
    optimiser = torch.optim.Adam([*step.generator.parameters(), *encoder.parameters()], lr=1e-2)
    for _ in range(300):
        z = step.generator.draw_z(50, rng)
        loss = reconstruction_loss(*encoder(step.generator(z)), z)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    z = step.generator.draw_z(1000, rng)
    found, others = (reconstruction_loss(*encoder(step.generator(z)), of).item() for of in (z, z.roll(1, 0)))
    constant = z.shape[1] * (math.log(1 / math.sqrt(12)) + 0.5)
    assert found < constant - 1 and others > constant


@pytest.mark.parametrize("architecture", ["mlp", "conv"])
def test_it_starts_from_an_output_on_gs_images_that_is_centred_and_small(architecture):
    model, tricks = ARCHITECTURES[architecture], TrickSet({"variational_entropy": VariationalEntropy()})
    generator, discriminator = model.build_generator(SHAPE, tricks, N), model.build_discriminator(SHAPE, 3, tricks, N)
    companions = torch.nn.ModuleDict(tricks.generator_companions(model, SHAPE))
    initialise_players(generator, discriminator, companions, images(1, 500), seed=3)
    output = torch.cat(companions["variational_entropy"](generator(generator.draw_z(5000, seeded(2)))), 1)
    assert output.mean(0).abs().max() < 0.05
    assert output.std(0).min() > 0.05 and output.std(0).max() < 0.2
