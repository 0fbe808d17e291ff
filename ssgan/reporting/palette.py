"""Which colour a configuration has: the same one in every plot of a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ssgan.reporting.groups import SUPERVISED

#: Legible on white and on black, and apart for the colour-blind as far as so many can be (after Okabe and Ito).
COLOURS = ("#1f83c4", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6bb1", "#a6761d", "#66a61e")

#: Of the supervised runs, which compete with no technique, and of configurations beyond those that have a colour.
GREY = "#7f7f7f"


class Palette:
    """Colours by configuration's name, given out in the order in which plots ask for them."""

    def __init__(self) -> None:
        self._given: dict[str, str] = {}

    def of(self, names: Sequence[str]) -> dict[str, str]:
        """Each configuration's colour in one plot, where no two are alike.

        A configuration keeps the colour it once got, unless another of the same plot has it: a page may have more
        configurations than there are colours. From the tenth on, the configurations of one plot are grey.
        """
        chosen = {SUPERVISED: GREY} if SUPERVISED in names else {}
        for name in names:
            if name in self._given and self._given[name] not in chosen.values():
                chosen.setdefault(name, self._given[name])
        for name in names:
            if name not in chosen:
                taken, uses = set(chosen.values()), Counter(self._given.values())
                free = sorted((c for c in COLOURS if c not in taken), key=lambda c: uses[c])
                chosen[name] = free[0] if free else GREY
                self._given.setdefault(name, chosen[name])
        return chosen
