"""Consistency of predictions (Π-model: Laine & Aila 2017, arXiv:1610.02242; mean teacher: Tarvainen & Valpola 2017).

The mean teacher's paper is arXiv:1703.01780.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ssgan.checks import non_negative, one_of
from ssgan.tricks.base import Trick

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ssgan.networks.discriminator import Discriminator
    from ssgan.networks.generator import Generator
    from ssgan.passes import DiscriminatorPass


def consistency_loss(logits: Tensor, others: Tensor) -> Tensor:
    """``mean Σ_k (p_k − q_k)²`` of the K-class probabilities of two passes, ``[n, K]`` each; a float32 scalar."""
    from torch import softmax

    return (softmax(logits.float(), 1) - softmax(others.float(), 1)).square().sum(1).mean()


@dataclass
class Consistency(Trick):
    """D pays for predictions on an unlabelled image that differ between two views of it.

    The views have noise of their own in D's layers, and the second is flipped and shifted by up to ``shift`` pixels at
    random. ``teacher`` looks at the second: ``average`` is D with its averaged weights (the mean teacher; a constant),
    ``live`` is D itself (the Π-model). There is no ramp: the default weight is one that can be paid from the start, a
    tenth of the largest that the mean teacher's paper reaches (100 times the mean over ten classes).
    """

    weight: float = 1.0
    teacher: str = "average"
    flip: bool = False
    shift: int = 0

    def __post_init__(self) -> None:
        non_negative("trick.consistency.weight", self.weight)
        one_of("trick.consistency.teacher", self.teacher, ("average", "live"))
        non_negative("trick.consistency.shift", self.shift)

    def discriminator_draws(
        self, generator: Generator, discriminator: Discriminator, shape: Sequence[int], rng: torch.Generator
    ) -> tuple[Tensor, ...]:
        """Draw how the second view moves, and the noise of D's layers on it."""
        from ssgan.data.augment import draw_moves

        moves = draw_moves(shape, self.flip, self.shift, rng, "trick.consistency.shift")
        return moves + discriminator.draw_noise(shape[0], rng)

    def discriminator_penalty(self, step: DiscriminatorPass) -> Tensor:
        """Fill the term of D."""
        from ssgan.data.augment import moved

        offsets, mirrored, *layers = step.draws
        images = step.batch.unlabelled
        if self.flip or self.shift:
            images = moved(images, offsets, mirrored)
        teacher = step.average if self.teacher == "average" else step.discriminator
        return self.weight * consistency_loss(step.unlabelled.logits, teacher(images, layers).logits)
