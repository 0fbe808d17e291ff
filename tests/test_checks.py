"""Checks of options name the option, the value and what is valid."""

from __future__ import annotations

import math

import pytest

from ssgan.checks import in_range, non_negative, one_of, positive, valid_seed
from ssgan.errors import ConfigError


def test_valid_values_pass() -> None:
    one_of("a.b", "x", ("x", "y"))
    positive("a.b", 1e-9)
    non_negative("a.b", 0)
    in_range("a.b", 0.0, 0, 1)
    in_range("a.b", 1.0, 0, 1)
    valid_seed("a.b", 0)
    valid_seed("a.b", 2**32 - 1)


@pytest.mark.parametrize(
    ("check", "args", "message"),
    [
        (one_of, ("z", ("x", "y")), "a.b=z: must be one of x, y"),
        (positive, (0,), "a.b=0: must be greater than 0"),
        (positive, (math.nan,), "a.b=nan: must be greater than 0"),
        (non_negative, (-1,), "a.b=-1: must be 0 or greater"),
        (non_negative, (math.nan,), "a.b=nan: must be 0 or greater"),
        (in_range, (1.5, 0, 1), "a.b=1.5: must be from 0 to 1"),
        (valid_seed, (-1,), "a.b=-1: must be from 0 to 4294967295"),
        (valid_seed, (2**32,), "a.b=4294967296: must be from 0 to 4294967295"),
        (in_range, (math.nan, 0, 1), "a.b=nan: must be from 0 to 1"),
    ],
)
def test_invalid_values_are_refused_in_one_line(check, args, message) -> None:
    with pytest.raises(ConfigError) as error:
        check("a.b", *args)
    assert str(error.value) == message
