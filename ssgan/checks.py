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


def valid_seed(name: str, value: int) -> None:
    """Refuse a seed that NumPy's and Lightning's generators do not take."""
    in_range(name, value, 0, 2**32 - 1)


def per_class(name: str, total: int, num_classes: int, lowest: int) -> int:
    """Images of each class out of ``total``; refuse what is no multiple of the classes or under ``lowest`` of each."""
    per_class, rest = divmod(total, num_classes)
    if rest or per_class < lowest:
        nearest = sorted({max(per_class, lowest) * num_classes, max(per_class + 1, lowest) * num_classes})
        raise ConfigError(
            f"{name}={total}: must be a multiple of the {num_classes} classes;"
            f" nearest: {' or '.join(map(str, nearest))}"
        )
    return per_class
