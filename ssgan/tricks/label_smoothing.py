"""One-sided label smoothing (section 3.4)."""

from __future__ import annotations

from dataclasses import dataclass

from ssgan.checks import in_range
from ssgan.tricks.base import Trick


@dataclass
class LabelSmoothing(Trick):
    """The real target of D's real/fake loss becomes ``alpha``.

    The fake target stays 0: smoothed to β > 0, the optimal discriminator ``(α·p_data + β·p_model)/(p_data + p_model)``
    would have p_model in its numerator and so hold the generator to its present mistakes.
    """

    alpha: float = 0.9

    def __post_init__(self) -> None:
        in_range("trick.label_smoothing.alpha", self.alpha, 0.0, 1.0)

    def real_target(self) -> float:
        """Fill the real target."""
        return self.alpha
