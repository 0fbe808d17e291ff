"""Steps of small players for the tests of single techniques."""

from __future__ import annotations

import torch

from ssgan.layers import initialise_from_data
from ssgan.networks import MLP, Conv
from ssgan.objectives import (
    DiscriminatorBatch,
    discriminator_terms,
    draw_discriminator_noise,
    draw_generator_noise,
    generator_terms,
)
from ssgan.training_options import Objective
from ssgan.tricks import TrickSet

N, K, SHAPE = 4, 3, (2, 9, 10)
ARCHITECTURES = {
    "mlp": MLP(z_dim=5, generator_hidden=[7, 6], discriminator_hidden=[8, 6]),
    "conv": Conv(z_dim=5, generator_widths=[4, 3, 3], discriminator_widths=[3, 4]),
}


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def images(seed=1, n=N):
    return torch.rand(n, *SHAPE, generator=seeded(seed))


class Step:
    """Both players with their start values, and the batch and noise of a step of each."""

    def __init__(self, architecture="mlp", seed=0, **tricks):
        model, self.tricks, rng = ARCHITECTURES[architecture], TrickSet(tricks), seeded(seed)
        self.generator = model.build_generator(SHAPE, self.tricks, N)
        self.discriminator = model.build_discriminator(SHAPE, K, self.tricks, N)
        for network in (self.generator, self.discriminator):
            network.reset_parameters(rng)
        self.generator.set_reference(rng)
        some = torch.rand(20, *SHAPE, generator=rng)
        if self.discriminator.reference_size:
            self.discriminator.set_reference(some[: self.discriminator.reference_size])
        initialise_from_data(self.generator, self.generator.draw_z(20, rng))
        initialise_from_data(self.discriminator, some, self.discriminator.draw_noise(20, rng))
        self.batch = DiscriminatorBatch(images(1), torch.tensor([2, 0, 1, 1]), images(2))
        players, shape = (self.generator, self.discriminator), (N, *SHAPE)
        self.d_noise = draw_discriminator_noise(*players, shape, Objective(), self.tricks, seeded(3))
        self.g_noise = draw_generator_noise(*players, shape, self.tricks, seeded(4))

    def d_terms(self, average=None):
        return discriminator_terms(
            self.generator,
            self.discriminator,
            average or self.discriminator,
            self.batch,
            self.d_noise,
            Objective(),
            self.tricks,
        )

    def g_terms(self):
        return generator_terms(self.generator, self.discriminator, images(5), self.g_noise, Objective(), self.tricks)

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
