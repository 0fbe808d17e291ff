"""What a step's terms may look at: each technique gets its own, and what several ask for is computed once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch

from ssgan.steps import MINIBATCHES
from ssgan.tricks import ConditionalEntropy, FeatureMatching, Trick
from tests.player_costs import g_terms, players
from tests.tricks.steps import N, Step


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


@dataclass
class Undeclared(Trick):
    """Looks at real features without saying so."""

    def generator_objective(self, step):
        return step.real.features.sum()


def test_looking_at_real_features_without_declaring_it_is_an_error():
    """Otherwise D's pass over real images would silently be without noise."""
    with pytest.raises(Exception, match=r"^trick\.undeclared: to look at step\.real, set uses_real_features = True$"):
        g_terms(*players("mlp", {"undeclared": Undeclared()}))


@dataclass
class Watching(Trick):
    """Keeps the steps that it was handed."""

    seen: Any = None

    def discriminator_penalty(self, step):
        self.seen = step


def test_the_noise_of_a_minibatch_is_its_part_of_what_was_drawn_for_all():
    step = Step(watching=Watching())
    step.d_terms()
    seen = step.tricks._tricks["watching"].seen
    assert MINIBATCHES == ("labelled", "unlabelled", "fake") and len(step.d_noise.layers) == 3
    for i, part in enumerate(MINIBATCHES):
        for found, whole in zip(seen.layers_on(part), step.d_noise.layers, strict=True):
            assert torch.equal(found, whole[i * N : (i + 1) * N])
        images = step.fake() if part == "fake" else getattr(step.batch, part)
        alone = step.discriminator(images, seen.layers_on(part))
        torch.testing.assert_close(getattr(seen, part).logits, alone.logits)


def test_the_averaged_network_sees_the_noise_of_the_unlabelled_images_once_and_is_a_constant():
    step, passes = Step(first=Watching(), second=Watching()), []
    average = players(seed=8)[1]
    average.register_forward_hook(lambda *_: passes.append(1))
    step.d_terms(average)
    first, second = (step.tricks._tricks[name].seen for name in ("first", "second"))
    assert not passes, "nobody has asked"
    assert (
        first.averaged_unlabelled is second.averaged_unlabelled
        and passes == [1]
        and not first.averaged_unlabelled.logits.requires_grad
    )
    torch.testing.assert_close(first.averaged_unlabelled.logits, average(step.batch.unlabelled, step.layers(1)).logits)
