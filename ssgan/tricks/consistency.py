"""Consistency of predictions (Π-model: Laine & Aila 2017, arXiv:1610.02242; mean teacher: Tarvainen & Valpola 2017).

The mean teacher's paper is arXiv:1703.01780. Images whose teacher is unsure can be left out, as in self-ensembling for
domain adaptation (French, Mackiewicz & Fisher 2018, arXiv:1706.05208), and the student can be the one who sees the
changed view, as in FixMatch (Sohn et al. 2020, arXiv:2001.07685), whose targets are classes and not probabilities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ssgan.augmentation import Augmentation
from ssgan.checks import in_range, non_negative, one_of
from ssgan.tricks.base import Trick
from ssgan.tricks.ramp import ramp_up

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ssgan.networks.discriminator import Discriminator
    from ssgan.networks.generator import Generator
    from ssgan.steps import DiscriminatorStep


def consistency_loss(logits: Tensor, targets: Tensor, confidence: float = 0.0) -> Tensor:
    """``mean Σ_k (p_k − q_k)²`` of the K-class probabilities of two passes, ``[n, K]`` each; a float32 scalar.

    An image for which ``max_k q_k`` is below ``confidence`` counts as 0 in the mean.
    """
    from torch import softmax

    wanted = softmax(targets.float(), 1)
    each = (softmax(logits.float(), 1) - wanted).square().sum(1)
    return (each * (wanted.amax(1) >= confidence)).mean() if confidence else each.mean()


class SecondView(Augmentation):
    """What may change between the two views."""

    group: ClassVar[str] = "trick.consistency"


@dataclass
class Consistency(Trick):
    """D pays for predictions on an unlabelled image that differ between two views of it.

    The views have noise of their own in D's layers, and the second is changed at random as ``data.augment`` changes
    images: ``flip``, ``shift``, ``rotate``, ``scale``, ``shear``. The ``teacher`` is D with its averaged weights
    (``average``, the mean teacher; a constant) or D itself (``live``, the Π-model; the gradient goes through both
    views). ``second_view`` is who looks at the second view: the ``teacher``, or the ``student``, which takes one more
    pass of D but lets strong changes leave the targets as they are. An image of which the teacher is less sure than
    ``confidence`` counts as 0. The default weight is one that can be paid from the start, a tenth of the largest that
    the mean teacher's paper reaches (100 times the mean over ten classes). Over the first part ``ramp`` of the run the
    weight rises by :func:`~ssgan.tricks.ramp.ramp_up`; Laine & Aila's does over 80 of 300 epochs.
    """

    weight: float = 1.0
    ramp: float = 0.0
    teacher: str = "average"
    second_view: str = "teacher"
    flip: bool = False
    shift: int = 0
    rotate: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    confidence: float = 0.0

    def __post_init__(self) -> None:
        non_negative("trick.consistency.weight", self.weight)
        in_range("trick.consistency.ramp", self.ramp, 0, 1)
        one_of("trick.consistency.teacher", self.teacher, ("average", "live"))
        one_of("trick.consistency.second_view", self.second_view, ("teacher", "student"))
        _ = self.moves  # refuses what is not valid
        in_range("trick.consistency.confidence", self.confidence, 0, 1)

    @property
    def moves(self) -> SecondView:
        """What may change between the views."""
        return SecondView(flip=self.flip, shift=self.shift, rotate=self.rotate, scale=self.scale, shear=self.shear)

    def discriminator_draws(
        self, generator: Generator, discriminator: Discriminator, shape: Sequence[int], rng: torch.Generator
    ) -> tuple[Tensor, ...]:
        """Draw how the second view moves, and the noise of D's layers on it."""
        from ssgan.augmentation.moves import draw_moves

        moves = draw_moves(shape, self.moves, rng)
        return moves + discriminator.draw_noise(shape[0], rng)

    def discriminator_penalty(self, step: DiscriminatorStep) -> Tensor:
        """Fill the term of D."""
        from ssgan.augmentation.moves import Moves, moved

        moves, layers = Moves(*step.draws[: len(Moves._fields)]), step.draws[len(Moves._fields) :]
        second = step.batch.unlabelled
        if self.moves.changes:
            second = moved(second, self.moves, moves)
        live = self.teacher == "live"
        if self.second_view == "teacher":
            teacher = step.discriminator if live else step.averaged_on
            logits, targets = step.unlabelled.logits, teacher(second, layers).logits
        else:
            logits = step.discriminator(second, layers).logits
            targets = (step.unlabelled if live else step.averaged_unlabelled).logits
        weight = self.weight * ramp_up(step.progress, self.ramp)
        return weight * consistency_loss(logits, targets, self.confidence)
