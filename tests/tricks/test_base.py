"""The seams of a technique: each does nothing until it is filled."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest

import ssgan.tricks
from ssgan.tricks import Trick
from ssgan.tricks.trick_set import SEAMS

TECHNIQUES = [value for value in vars(ssgan.tricks).values() if isinstance(value, type) and value is not Trick]
TECHNIQUES = [technique for technique in TECHNIQUES if issubclass(technique, Trick)]

#: What each seam gives where a technique leaves it as it is, if not None.
NOTHING: dict[str, Any] = {"real_target": 1.0, "discriminator_draws": (), "generator_draws": ()}


def arguments(seam: str) -> list[Any]:
    """As many as it takes; a technique that fills nothing does not look at them."""
    return [SimpleNamespace()] * (getattr(Trick, seam).__code__.co_argcount - 1)


@pytest.mark.parametrize("seam", SEAMS)
def test_a_seam_that_is_not_filled_gives_nothing(seam: str) -> None:
    assert getattr(Trick(), seam)(*arguments(seam)) == NOTHING.get(seam)


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_a_technique_takes_the_same_arguments_by_the_same_names(technique: type[Trick]) -> None:
    own = [seam for seam in SEAMS if seam in vars(technique)]
    assert own, "it fills no seam"
    for seam in own:
        code, base = getattr(technique, seam).__code__, getattr(Trick, seam).__code__
        names = code.co_varnames[: code.co_argcount]
        assert names == base.co_varnames[: base.co_argcount], seam


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_it_has_the_options_that_it_says_take_less_memory(technique: type[Trick]) -> None:
    assert set(technique.memory_options) <= {field.name for field in dataclasses.fields(technique)}  # type: ignore
