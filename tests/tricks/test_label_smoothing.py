"""One-sided label smoothing: the real target, and the optimal discriminator that it leads to."""

from __future__ import annotations

import torch

from ssgan.tricks import LabelSmoothing, TrickSet
from tests.tricks.steps import Step


def test_the_smoothed_target_is_the_papers_unless_stated():
    assert LabelSmoothing().real_target() == 0.9 and LabelSmoothing(alpha=0.75).real_target() == 0.75


def test_it_moves_the_target_of_real_images_alone():
    """To ``alpha`` the cost of an image is the entropy of its target against ``D(x)``, with 0 for generated ones."""
    step = Step(label_smoothing=LabelSmoothing(alpha=0.75))
    real, fake = (
        torch.logsumexp(step.discriminator(x, step.layers(part)).logits.double(), 1).sigmoid()
        for part, x in ((1, step.batch.unlabelled), (2, step.fake()))
    )
    expected = -(0.75 * real.log() + 0.25 * (1 - real).log()).mean() - (1 - fake).log().mean()
    torch.testing.assert_close(step.d_terms()["unlabelled"].double(), 0.5 * expected, rtol=1e-4, atol=1e-6)
    assert TrickSet({"a": LabelSmoothing(0.5), "b": LabelSmoothing(0.5)}).real_target == 0.25
