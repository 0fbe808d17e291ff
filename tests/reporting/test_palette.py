"""Colours of configurations: lasting, and different within a plot."""

from __future__ import annotations

from ssgan.reporting.groups import SUPERVISED
from ssgan.reporting.palette import COLOURS, GREY, Palette


def test_a_name_keeps_its_colour_whatever_the_order() -> None:
    palette = Palette()
    first = palette.of(["a", "b", "c"])
    assert len(set(first.values())) == 3
    assert palette.of(["c", "a"]) == {name: first[name] for name in ("c", "a")}
    assert palette.of(["d", "b"])["b"] == first["b"]
    assert palette.of(["d"])["d"] not in first.values(), "while there are colours, each name has its own"


def test_within_a_plot_no_two_are_alike_though_names_outnumber_colours() -> None:
    palette = Palette()
    names = [str(i) for i in range(2 * len(COLOURS))]
    for start in range(len(names) - 7):
        chosen = palette.of(names[start : start + 8])
        assert len(set(chosen.values())) == 8 and set(chosen) == set(names[start : start + 8])
    ends = palette.of([*names[:4], *names[-4:]])
    assert len(set(ends.values())) == 8


def test_a_known_name_keeps_its_colour_also_beside_one_that_shares_another_s() -> None:
    palette = Palette()
    first = {name: palette.of([name])[name] for name in [*(f"n{i}" for i in range(len(COLOURS))), "x"]}
    assert first["x"] == first["n0"]
    chosen = palette.of(["n0", "x", "n1"])
    assert (chosen["n0"], chosen["n1"]) == (first["n0"], first["n1"]) and len(set(chosen.values())) == 3


def test_supervised_runs_are_grey_and_so_is_what_no_colour_is_left_for() -> None:
    palette = Palette()
    assert palette.of(["a", SUPERVISED]) == {"a": COLOURS[0], SUPERVISED: GREY}
    many = palette.of([f"n{i}" for i in range(len(COLOURS) + 2)])
    assert sorted(many.values()).count(GREY) == 2 and GREY not in COLOURS
