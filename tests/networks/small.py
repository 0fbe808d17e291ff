"""Small players of both architectures, and images for them."""

from __future__ import annotations

import torch

from ssgan.networks import MLP, Conv
from ssgan.tricks import MinibatchDiscrimination, TrickSet, VirtualBatchNorm

BATCH, K = 6, 7
SMALL = {
    "mlp": MLP(z_dim=5, generator_hidden=[9, 8], discriminator_hidden=[10, 6]),
    "conv": Conv(z_dim=5, generator_widths=[6, 5, 4], discriminator_widths=[4, 6]),
}
HEAD = {"minibatch_discrimination": MinibatchDiscrimination(kernels=3, dim=2)}
VBN = {"virtual_batch_norm": VirtualBatchNorm(reference_size=4)}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def build_d(name="conv", shape=(2, 9, 10), tricks=None, seed=0, model=None):
    network = (model or SMALL[name]).build_discriminator(shape, K, TrickSet(tricks), BATCH)
    network.draw_parameters(seeded(seed))
    if network.reference_size:
        network.set_reference(images(network.reference_size, shape, seed=99))
    return network


def build_g(name="conv", shape=(2, 9, 10), tricks=None, seed=0, model=None):
    network = (model or SMALL[name]).build_generator(shape, TrickSet(tricks), BATCH)
    network.draw_parameters(seeded(seed))
    network.set_reference(seeded(seed + 1))
    return network


def images(n, shape=(2, 9, 10), seed=1):
    return torch.rand(n, *shape, generator=seeded(seed))
