"""Minibatch discrimination (section 3.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ssgan.checks import positive
from ssgan.tricks.base import Trick

if TYPE_CHECKING:
    from ssgan.layers import MinibatchFeatures


@dataclass
class MinibatchDiscrimination(Trick):
    """D sees how close each example is to the others of its minibatch.

    ``kernels`` is the paper's B, ``dim`` its C. ``include_self`` sums over all j as in the paper's formula; the
    authors' code, and the default, leave out j = i, which adds the constant 1.
    """

    memory_options: ClassVar[tuple[str, ...]] = ("kernels",)

    kernels: int = 100
    dim: int = 5
    include_self: bool = False

    def __post_init__(self) -> None:
        positive("trick.minibatch_discrimination.kernels", self.kernels)
        positive("trick.minibatch_discrimination.dim", self.dim)

    def discriminator_head(self, num_features: int, batch_size: int) -> MinibatchFeatures:
        """Fill the head of D."""
        from ssgan.layers import MinibatchFeatures

        return MinibatchFeatures(num_features, self.kernels, self.dim, batch_size - 1, self.include_self)
