"""The pull-away term (Zhao et al. 2017, arXiv:1609.03126, section 2.4; in a K+1-class GAN: Dai et al. 2017)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ssgan.checks import non_negative
from ssgan.tricks.base import Trick

if TYPE_CHECKING:
    from torch import Tensor

    from ssgan.steps import GeneratorStep


#: Features shorter than this count as shorter than 1: their gradient, its inverse, has to stay finite in float16.
SHORTEST = 1e-3


def pull_away_term(features: Tensor) -> Tensor:
    """Mean squared cosine between the features of two different examples, ``Σ_{i≠j} cos²(f_i, f_j) / (n(n − 1))``.

    Args:
        features: ``[n, features]``.

    Returns:
        A float32 scalar in 0 … 1; 0 of a single example.
    """
    import torch
    from torch.nn.functional import normalize

    from ssgan.layers import whole_batch

    with torch.autocast(features.device.type, enabled=False):
        unit = whole_batch(normalize(features.float(), dim=1, eps=SHORTEST))
        n = len(unit)
        # Each pair once: the sum of all less that of the diagonal would cancel.
        return (unit @ unit.T).square().triu(1).sum() * 2 / max(n * (n - 1), 1)


@dataclass
class PullAway(Trick):
    """G pays for samples whose features point the same way, which keeps them varied.

    Bad GAN (Dai et al. 2017, arXiv:1705.09783) raises the entropy of G's samples by it, as by the variational bound of
    :class:`~ssgan.tricks.VariationalEntropy`; it adds 0.8 times the term to feature matching on SVHN.
    """

    weight: float = 0.8

    def __post_init__(self) -> None:
        non_negative("trick.pull_away.weight", self.weight)

    def generator_penalty(self, step: GeneratorStep) -> Tensor:
        """Fill the term added to G's objective."""
        return self.weight * pull_away_term(step.fake.features)
