"""Checks of options, for the ``__post_init__`` of the dataclasses that hold them.

Each takes the dotted name of the option first, as one would write it on the command line, and raises
:class:`~ssgan.errors.ConfigError` with one line naming the option, its value and what is valid. NaN is never valid.
"""

from __future__ import annotations

from collections.abc import Collection

from ssgan.errors import ConfigError


def one_of(name: str, value: object, choices: Collection[object]) -> None:
    """Refuse a value that is not among ``choices``."""
    if value not in choices:
        raise ConfigError(f"{name}={value}: must be one of {', '.join(map(str, choices))}")


def positive(name: str, value: float) -> None:
    """Refuse zero and negative values."""
    if not value > 0:
        raise ConfigError(f"{name}={value}: must be greater than 0")


def non_negative(name: str, value: float) -> None:
    """Refuse negative values."""
    if not value >= 0:
        raise ConfigError(f"{name}={value}: must be 0 or greater")


def in_range(name: str, value: float, low: float, high: float) -> None:
    """Refuse values outside ``[low, high]``, bounds included."""
    if not low <= value <= high:
        raise ConfigError(f"{name}={value}: must be from {low} to {high}")
