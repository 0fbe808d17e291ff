"""Techniques that draw randomness of their own."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from ssgan.layers import Share
from ssgan.training.randomness import draw_discriminator_noise, draw_generator_noise
from ssgan.training_options import Objective
from ssgan.tricks import (
    ConditionalEntropy,
    Consistency,
    FeatureMatching,
    InterpolationConsistency,
    LabelSmoothing,
    ManifoldRegularisation,
    MarginalEntropy,
    PullAway,
    RotationPrediction,
    SpectralNorm,
    Trick,
    TrickSet,
    VariationalEntropy,
    VirtualAdversarial,
)
from tests.tricks.steps import SHAPE, N, Step, seeded

DRAWING = {
    "consistency": Consistency(flip=True, shift=1),
    "interpolation_consistency": InterpolationConsistency(),
    "manifold_regularisation": ManifoldRegularisation(),
    "rotation_prediction": RotationPrediction(),
    "virtual_adversarial": VirtualAdversarial(),
}
SILENT = {
    "conditional_entropy": ConditionalEntropy(),
    "feature_matching": FeatureMatching(),
    "label_smoothing": LabelSmoothing(),
    "marginal_entropy": MarginalEntropy(),
    "pull_away": PullAway(),
    "spectral_norm": SpectralNorm(),
    "variational_entropy": VariationalEntropy(),
}


def draw(step, tricks, share=None, n=N, weight=1.0):
    """D's and G's noise with those techniques, and the state of the random generator after each."""
    rng, players, extra = seeded(7), (step.generator, step.discriminator), ([share] if share else [])
    shape, tricks = (n, *SHAPE), TrickSet(tricks)
    d = draw_discriminator_noise(*players, shape, Objective(unlabelled_weight=weight), tricks, rng, *extra)
    after_d = rng.get_state()
    return d, draw_generator_noise(*players, shape, tricks, rng, *extra), after_d, rng.get_state()


@pytest.mark.parametrize("trick", [ManifoldRegularisation(), VirtualAdversarial()])
def test_directions_are_drawn_from_all_around(trick: Trick) -> None:
    """As those of normals: no entry is more often positive than negative, or depends on another."""
    step = Step()
    (drawn,) = trick.discriminator_draws(step.generator, step.discriminator, (4000, *SHAPE), seeded(3))
    x = drawn.flatten(1)[:, :2]
    x = x / x.std(0)
    bound = 4 / math.sqrt(4000)  # standard errors
    assert x.mean(0).abs().max() < bound and abs((x > 0).float().mean() - 0.5) < bound
    assert abs((x[:, 0] * x[:, 1]).mean()) < bound


def test_without_a_technique_that_draws_the_stream_is_the_layers_alone():
    step, rng = Step(), seeded(7)
    z, layers = step.generator.draw_z(N, rng), step.discriminator.draw_noise(3 * N, rng)
    after_d = rng.get_state()
    g_z, fake = step.generator.draw_z(N, rng), step.discriminator.draw_noise(N, rng)
    real = step.discriminator.draw_noise(N, rng)
    d, g, found_d, found = draw(step, SILENT)
    torch.testing.assert_close([d.z, *d.layers], [z, *layers], rtol=0, atol=0)
    torch.testing.assert_close([g.z, *g.fake_layers, *g.real_layers], [g_z, *fake, *real], rtol=0, atol=0)
    assert torch.equal(found_d, after_d) and torch.equal(found, rng.get_state())
    assert d.draws == g.draws == {}


def test_draws_come_after_the_layers_noise_in_the_order_of_names():
    step = Step()
    d, *_ = draw(step, DRAWING)
    plain, _, state, _ = draw(step, {})
    torch.testing.assert_close([d.z, *d.layers], [plain.z, *plain.layers], rtol=0, atol=0)
    rng = seeded(0)
    rng.set_state(state)
    for name, trick in DRAWING.items():
        expected = trick.discriminator_draws(step.generator, step.discriminator, (N, *SHAPE), rng)
        torch.testing.assert_close(d.draws[name], expected, rtol=0, atol=0)
    assert list(d.draws) == sorted(DRAWING)


def test_each_process_gets_its_rows_of_what_is_drawn_for_the_whole_batch():
    step = Step()
    whole, _, _, state = draw(step, DRAWING, n=2 * N)
    parts = [draw(step, DRAWING, Share(rank, 2)) for rank in range(2)]
    for name, tensors in whole.draws.items():
        for i, tensor in enumerate(tensors):
            assert len(tensor) == 2 * N
            assert torch.equal(torch.cat([part[0].draws[name][i] for part in parts]), tensor), name
    assert all(torch.equal(part[3], state) for part in parts)


def test_the_supervised_baseline_draws_nothing():
    assert draw(Step(), DRAWING, weight=0.0)[0].draws == {}


@dataclass
class Drawing(Trick):
    """Draws numbers in each step and keeps what it was handed."""

    seen: Any = None

    def discriminator_draws(self, generator, discriminator, shape, rng):
        return (torch.rand(shape[0], generator=rng),)

    generator_draws = discriminator_draws

    def discriminator_penalty(self, step):
        self.seen = step.draws
        return step.draws[0].sum()

    def generator_penalty(self, step):
        self.seen = step.real
        return step.draws[0].sum()


def test_each_technique_is_handed_its_own_draws_alone():
    step = Step(first=Drawing(), second=Drawing(), entropy=ConditionalEntropy())
    terms = step.d_terms()
    for name in ("first", "second"):
        (expected,) = step.d_noise.draws[name]
        (seen,) = step.tricks._tricks[name].seen
        assert seen is expected and terms[name] == expected.sum()
    assert terms["first"] != terms["second"]
    assert {name: len(t) for name, t in step.g_noise.draws.items()} == {"first": 1, "second": 1}


def test_real_features_are_computed_once_whoever_draws():
    step = Step(first=Drawing(), matching=FeatureMatching(), second=Drawing())
    terms = step.g_terms()
    first, second = (step.tricks._tricks[name].seen for name in ("first", "second"))
    assert first is second
    assert terms["first"] == step.g_noise.draws["first"][0].sum()
