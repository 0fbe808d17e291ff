"""Virtual batch normalisation (section 3.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ssgan.checks import positive
from ssgan.tricks.base import Trick

if TYPE_CHECKING:
    from ssgan.layers import VirtualBatchNorm as VirtualBatchNormLayer


@dataclass
class VirtualBatchNorm(Trick):
    """G normalises each example by the statistics of a reference batch, fixed at the start, and of the example itself.

    ``reference_size`` is the number of reference examples; the default is the batch size.
    """

    memory_options: ClassVar[tuple[str, ...]] = ("reference_size",)

    reference_size: int | None = None
    eps: float = 1e-5

    def __post_init__(self) -> None:
        if self.reference_size is not None:
            positive("trick.virtual_batch_norm.reference_size", self.reference_size)
        positive("trick.virtual_batch_norm.eps", self.eps)

    def generator_norm(self, channels: int, batch_size: int) -> VirtualBatchNormLayer:
        """Fill G's normalisation."""
        from ssgan.layers import VirtualBatchNorm

        return VirtualBatchNorm(channels, self.reference_size or batch_size, self.eps)
