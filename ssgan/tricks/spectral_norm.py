"""Spectral normalisation of D (Miyato et al. 2018, arXiv:1802.05957)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ssgan.checks import positive
from ssgan.tricks.base import Trick

if TYPE_CHECKING:
    from ssgan.layers import SpectralScale


@dataclass
class SpectralNorm(Trick):
    """D's layers divide their weight by its largest singular value, ``g · v / σ(v)``, and not each unit's by its norm.

    The gains g come from data at the start and, but for the last layer's, stay, as those of weight normalisation do.
    The Lipschitz constant of a fully connected layer is its largest gain, or slightly more, as the power method finds a
    σ that is slightly too small. σ of a convolution is, as the authors', that of its weight as a matrix with a row for
    each output, which bounds what it does to a patch and not to an image.
    (The authors have no gains; under D's noise, activations that shrink from layer to layer would drown.)
    ``iterations`` of the power method begin anew at each pass; the authors make one a step and go on from the last.
    """

    iterations: int = 10

    def __post_init__(self) -> None:
        positive("trick.spectral_norm.iterations", self.iterations)

    def discriminator_weight_scale(self, shape: Sequence[int]) -> SpectralScale:
        """Fill the scale of D's weights."""
        import torch

        from ssgan.layers import SpectralScale

        return SpectralScale(torch.Size(shape), self.iterations)
