"""Historical averaging (section 3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ssgan.checks import non_negative
from ssgan.tricks.base import Trick

if TYPE_CHECKING:
    from torch import Tensor

    from ssgan.layers import HistoricalAverage


@dataclass
class HistoricalAveraging(Trick):
    """Each player's cost gets ``weight · ‖θ − (1/t)·Σ_{i≤t} θ[i]‖²``, the mean taken over all its past parameters.

    The paper's formula has weight 1.
    """

    weight: float = 1.0

    def __post_init__(self) -> None:
        non_negative("trick.historical_averaging.weight", self.weight)

    def parameter_penalty(self, parameters: Sequence[Tensor]) -> HistoricalAverage:
        """Fill the penalty on a player's parameters."""
        from ssgan.layers import HistoricalAverage

        return HistoricalAverage(parameters, self.weight)
