"""Steps of small players for the tests of single techniques."""

from __future__ import annotations

import torch
from torch.nn import ModuleDict

from ssgan.objectives import discriminator_terms, generator_terms
from ssgan.training.initialisation import initialise_players
from ssgan.training.randomness import draw_discriminator_noise, draw_generator_noise
from ssgan.training_options import Objective
from tests.player_costs import ARCHITECTURES, SHAPE, N, batch, images, players, seeded

__all__ = ["SHAPE", "N", "Step", "assert_same_gradients", "images", "seeded"]


class Step:
    """Both players with their start values, and the batch and noise of a step of each."""

    def __init__(self, architecture="mlp", seed=0, shape=SHAPE, **tricks):
        self.generator, self.discriminator, self.tricks = players(architecture, tricks, seed, shape)
        self.companions = ModuleDict(self.tricks.generator_companions(ARCHITECTURES[architecture], shape))
        if self.companions:
            initialise_players(self.generator, self.discriminator, self.companions, images(9, 20, shape), seed)
        self.batch, self.real = batch(shape), images(5, N, shape)
        both = self.generator, self.discriminator
        self.d_noise = draw_discriminator_noise(*both, (N, *shape), Objective(), self.tricks, seeded(3))
        self.g_noise = draw_generator_noise(*both, (N, *shape), self.tricks, seeded(4))

    def d_terms(self, average=None, progress=1.0):
        return discriminator_terms(
            self.generator,
            self.discriminator,
            average or self.discriminator,
            self.batch,
            self.d_noise,
            Objective(),
            self.tricks,
            progress,
        )

    def g_terms(self):
        networks = self.generator, self.discriminator, self.companions
        return generator_terms(*networks, self.real, self.g_noise, Objective(), self.tricks)

    def layers(self, part):
        """The noise of D's layers on the labelled (0), unlabelled (1) or generated (2) images."""
        return [layer[part * N : (part + 1) * N] for layer in self.d_noise.layers]

    def fake(self):
        with torch.no_grad():
            return self.generator(self.d_noise.z)


def gradients(value, network):
    found = torch.autograd.grad(value, list(network.parameters()), allow_unused=True, retain_graph=True)
    return [torch.zeros_like(p) if g is None else g for g, p in zip(found, network.parameters(), strict=True)]


def assert_same_gradients(value, expected, network):
    for gradient, wanted in zip(gradients(value, network), gradients(expected, network), strict=True):
        torch.testing.assert_close(gradient, wanted, rtol=1e-3, atol=1e-5)
