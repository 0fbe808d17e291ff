"""Costs of small players' steps: the terms of ssgan.objectives, and slow ones by separate passes to compare with."""

from __future__ import annotations

import torch
from torch.nn import ModuleDict
from torch.nn import functional as F

from ssgan.build import build_players
from ssgan.networks import MLP, Conv
from ssgan.objectives import DiscriminatorBatch, discriminator_terms, generator_terms
from ssgan.training.initialisation import initialise_players
from ssgan.training.randomness import draw_discriminator_noise, draw_generator_noise
from ssgan.training_options import Objective
from ssgan.tricks import (
    FeatureMatching,
    HistoricalAveraging,
    LabelSmoothing,
    MinibatchDiscrimination,
    TrickSet,
    VirtualBatchNorm,
)

N, K, SHAPE = 4, 3, (2, 9, 10)
ARCHITECTURES = {
    "mlp": MLP(z_dim=5, generator_hidden=[7, 6], discriminator_hidden=[8, 6]),
    "conv": Conv(z_dim=5, generator_widths=[4, 3, 3], discriminator_widths=[3, 4]),
}
TRICKS = {
    "feature_matching": FeatureMatching(norm="l1"),
    "historical_averaging": HistoricalAveraging(),
    "label_smoothing": LabelSmoothing(alpha=0.8),
    "minibatch_discrimination": MinibatchDiscrimination(kernels=3, dim=2),
    "virtual_batch_norm": VirtualBatchNorm(reference_size=3),
}


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def players(architecture="mlp", tricks=None, seed=0, shape=SHAPE):
    """G and D with start values from data."""
    model, tricks, rng = ARCHITECTURES[architecture], TrickSet(tricks), seeded(seed)
    generator, discriminator, _ = build_players(model, tricks, shape, K, N)
    initialise_players(generator, discriminator, ModuleDict(), torch.rand(20, *shape, generator=rng), seed)
    return generator, discriminator, tricks


def images(seed=1, n=N, shape=SHAPE):
    return torch.rand(n, *shape, generator=seeded(seed))


def batch(shape=SHAPE):
    return DiscriminatorBatch(images(1, N, shape), torch.tensor([2, 0, 1, 1]), images(2, N, shape))


def d_terms(generator, discriminator, tricks, objective=None, seed=3, given=None):
    objective = objective or Objective()
    noise = draw_discriminator_noise(generator, discriminator, (N, *SHAPE), objective, tricks, seeded(seed))
    return discriminator_terms(generator, discriminator, discriminator, given or batch(), noise, objective, tricks)


def g_terms(generator, discriminator, tricks, objective=None, seed=4):
    noise = draw_generator_noise(generator, discriminator, (N, *SHAPE), tricks, seeded(seed))
    return generator_terms(generator, discriminator, ModuleDict(), images(5), noise, objective or Objective(), tricks)


def cost(terms):
    return torch.stack(list(terms.values())).sum()


def log_probability_of_real(logits):
    """log D(x) and log(1 − D(x)) by the softmax over K+1 logits, in float64."""
    logs = torch.log_softmax(F.pad(logits.double(), (0, 1)), 1)
    return torch.logsumexp(logs[:, :-1], 1), logs[:, -1]


def slow_d_cost(generator, discriminator, selected, seed=3, weight=1.0):
    """Three passes, each with its own third of the noise."""
    noise = draw_discriminator_noise(generator, discriminator, (N, *SHAPE), Objective(), TrickSet(), seeded(seed))
    labelled, labels, unlabelled = batch()
    with torch.no_grad():
        fake = generator(noise.z)
    logits = [
        discriminator(x, [layer[i * N : (i + 1) * N] for layer in noise.layers]).logits.double()
        for i, x in enumerate((labelled, unlabelled, fake))
    ]
    alpha = selected["label_smoothing"].alpha if "label_smoothing" in selected else 1.0
    supervised = -torch.log_softmax(logits[0], 1)[torch.arange(N), labels].mean()
    real, not_real = log_probability_of_real(logits[1])
    _, found_out = log_probability_of_real(logits[2])
    return supervised + weight * 0.5 * (-(alpha * real + (1 - alpha) * not_real).mean() - found_out.mean())


def slow_g_cost(generator, discriminator, selected, seed=4):
    """D's noise is on in both passes; the real features are a constant."""
    rng = seeded(seed)
    z, fake_noise = generator.draw_z(N, rng), discriminator.draw_noise(N, rng)
    fake = discriminator(generator(z), fake_noise)
    if "feature_matching" not in selected:
        return -log_probability_of_real(fake.logits)[0].mean()
    real = discriminator(images(5), discriminator.draw_noise(N, rng)).features.detach()
    difference = fake.features.double().mean(0) - real.double().mean(0)
    return difference.abs().mean() if selected["feature_matching"].norm == "l1" else difference.square().mean()


def slow_pull_away(features):
    """The mean squared cosine of all pairs of different rows."""
    n, total = len(features), 0
    for i in range(n):
        for j in range(n):
            if i != j:
                a, b = features[i].double(), features[j].double()
                total = total + ((a @ b) / (a.norm() * b.norm())) ** 2 / (n * (n - 1))
    return total


def assert_same_gradients(value, expected, network):
    parameters = list(network.parameters())
    gradients = torch.autograd.grad(value, parameters, allow_unused=True)
    wanted = torch.autograd.grad(expected, parameters, allow_unused=True)
    for gradient, want in zip(gradients, wanted, strict=True):
        assert (gradient is None) == (want is None)
        if want is not None:
            torch.testing.assert_close(gradient, want, rtol=1e-3, atol=1e-5)
