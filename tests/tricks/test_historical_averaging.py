"""Historical averaging as a penalty on each player's parameters."""

from __future__ import annotations

import pytest
import torch

from ssgan.tricks import HistoricalAveraging, TrickSet


def test_the_weight_of_historical_averaging_reaches_the_penalty():
    now, past = torch.tensor([3.0, 5.0]), torch.tensor([1.0, 1.0])
    assert HistoricalAveraging().parameter_penalty([past])([now]).item() == pytest.approx(20)
    assert HistoricalAveraging(weight=0.5).parameter_penalty([past])([now]).item() == pytest.approx(10)


def test_each_player_has_a_history_of_its_own():
    """As the set's penalties are built for each; one step of either does not touch the other's mean."""
    tricks = TrickSet({"historical_averaging": HistoricalAveraging()})
    d, g = (tricks.parameter_penalties([torch.zeros(2)])["historical_averaging"] for _ in range(2))
    d.update([torch.full((2,), 3.0)])
    assert d([torch.zeros(2)]).item() == pytest.approx(2 * 1.5**2) and g([torch.zeros(2)]).item() == 0
