"""Feature matching (section 3.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ssgan.checks import one_of
from ssgan.tricks.base import Trick

if TYPE_CHECKING:
    from torch import Tensor

    from ssgan.steps import GeneratorStep


def feature_matching_loss(fake: Tensor, real: Tensor, norm: str = "l2") -> Tensor:
    """Distance of the mean features of two batches, ``E_x f(x)`` and ``E_z f(G(z))``, averaged over the features.

    ``l2`` is the mean squared difference, the paper's ``‖E_x f(x) − E_z f(G(z))‖²`` up to the constant factor of the
    number of features; ``l1`` the mean absolute difference of the authors' convolutional runs.

    Args:
        fake: features of generated images, ``[n, features]``.
        real: features of real images, ``[m, features]``.
        norm: ``l1`` or ``l2``.

    Returns:
        A float32 scalar.
    """
    from ssgan.layers import batch_mean

    difference = batch_mean(fake.float()) - batch_mean(real.float())
    return difference.abs().mean() if norm == "l1" else difference.square().mean()


@dataclass
class FeatureMatching(Trick):
    """G matches the mean of D's features on real images instead of fooling D."""

    norm: str = "l2"

    uses_real_features: ClassVar[bool] = True

    def __post_init__(self) -> None:
        one_of("trick.feature_matching.norm", self.norm, ("l1", "l2"))

    def generator_objective(self, step: GeneratorStep) -> Tensor:
        """Fill G's objective."""
        return feature_matching_loss(step.fake.features, step.real.features, self.norm)
