"""How long a training is, by Lightning's two ways to say it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ssgan.errors import ConfigError
from ssgan.training.length import total_iterations


@pytest.mark.parametrize(
    ("max_steps", "max_epochs", "total"), [(7, -1, 7), (7, 100, 7), (-1, 3, 36), (-1, 1, 12), (-1, 0, 12)]
)
def test_iterations_outrank_epochs(max_steps: int, max_epochs: int, total: int) -> None:
    assert total_iterations(SimpleNamespace(max_steps=max_steps, max_epochs=max_epochs), per_epoch=12) == total


@pytest.mark.parametrize("max_epochs", [-1, None])
def test_an_end_by_the_clock_is_none(max_epochs: int | None) -> None:
    with pytest.raises(ConfigError, match="max_steps or max_epochs"):
        total_iterations(SimpleNamespace(max_steps=-1, max_epochs=max_epochs), per_epoch=12)
