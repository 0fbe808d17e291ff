"""Overrides that Hydra and a shell read as they were meant."""

from __future__ import annotations

import shlex

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from ssgan.typed_overrides import override, typed

VALUES = [
    "outputs/2026-01-31/12-00-00",
    "/home/jürgen/ssgan (1)/x",
    "/tmp/it's/a b",
    r"C:\Users\me\runs",
    "ends in a backslash\\",
    r"a\'b\\'c",
    "a,b=c#d&e~f!g[h]{i}",
    "'quoted'",
    '"twice"',
    "null",
    "12",
    "2024_01",
    "-1e3",
]


@pytest.mark.parametrize("value", VALUES)
def test_hydra_reads_the_value_back(value: str) -> None:
    (parsed,) = OverridesParser.create().parse_overrides([override("hydra.run.dir", value)])
    assert parsed.key_or_group == "hydra.run.dir" and not parsed.is_sweep_override()
    found = parsed.value()
    assert str(found if found is not None else "null") == value


@pytest.mark.parametrize("value", VALUES)
def test_a_shell_reads_it_as_one_word(value: str) -> None:
    assert shlex.split(typed("data.path", value)) == [override("data.path", value)]


def test_what_needs_no_quotes_has_none() -> None:
    assert typed("hydra.run.dir", "outputs/a-b_1.0/12:30") == "hydra.run.dir=outputs/a-b_1.0/12:30"
