"""The terms of both players' costs since the last row of the log.

They stay on the device, so that recording an iteration does not wait for it; one read at each row gives the means and
shows whether, and where, a term stopped being finite.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from lightning.pytorch.strategies import Strategy
from torch import Tensor, nn

from ssgan.errors import TrainingDiverged

PLAYERS = {"d": "discriminator", "g": "generator"}


def row_of(terms: Mapping[str, Sequence[Mapping[str, Tensor]]]) -> tuple[list[str], Tensor]:
    """Names and values of an iteration's terms, each term averaged over the player's steps.

    Args:
        terms: for each player, ``d`` and ``g``, the named terms of each of its steps; a term is one number, or
            one for each member of an ensemble.

    Returns:
        The names, ``d_…`` and ``g_…``, and the terms, float32 ``[terms]`` or ``[terms, members]``.
    """
    columns = {}
    for player, steps in terms.items():
        for name in dict.fromkeys(name for step in steps for name in step):
            values = [step[name].float() for step in steps if name in step]
            columns[f"{player}_{name}"] = values[0] if len(steps) == 1 else torch.stack(values).sum(0) / len(steps)
    return list(columns), torch.stack(list(columns.values()))


class LossLog:
    """The terms of the last iterations, at most ``length`` of them."""

    def __init__(self, length: int) -> None:
        self.length = length
        self._names: list[list[str]] = []  # of each row's terms
        self._rows: list[Tensor] = []

    def append(self, names: Sequence[str], row: Tensor) -> None:
        """Record an iteration's terms, see :func:`row_of`; the row may be overwritten afterwards.

        A term that is missing from an iteration, as a technique may return None, counts as 0 in the mean.
        """
        self._names.append(list(names))
        self._rows.append(row.clone())

    def flush(self, iteration: int, strategy: Strategy) -> dict[str, float]:
        """Means of all terms and of each player's cost, by log key; then forget them.

        Raises:
            TrainingDiverged: see :meth:`check`.
        """
        rows = self.check(iteration, strategy)
        names = self._align()
        self._names, self._rows = [], []
        if rows is None:
            return {}
        means = dict(zip(names, rows.view(*rows.shape[:2], -1).mean((0, 2)).tolist(), strict=True))
        costs = {
            f"{player}_loss": sum(value for name, value in means.items() if name.startswith(f"{player}_"))
            for player in PLAYERS
            if any(name.startswith(f"{player}_") for name in means)
        }
        return {f"train/{name}": value for name, value in (costs | means).items()}

    def check(self, iteration: int, strategy: Strategy) -> Tensor | None:
        """Read the record, averaged over all processes: ``[iterations, terms, members]``, or None if it is empty.

        Args:
            iteration: number of iterations done.
            strategy: averages over the processes.

        Raises:
            TrainingDiverged: if a term was not finite; names the first such iteration and term.
        """
        if not self._rows:
            return None
        names = self._align()
        rows: Any = strategy.reduce(torch.stack(self._rows), reduce_op="mean")
        rows = rows.cpu()
        bad = (~rows.isfinite()).nonzero()
        if len(bad):
            row, column, *member = bad[0].tolist()
            player, _, term = names[column].partition("_")
            of_member = "".join(f" of member {i + 1}" for i in member)
            raise TrainingDiverged(
                f"the {PLAYERS[player]}'s term '{term}'{of_member} is {rows[row, column, *member].item()}"
                f" at iteration {iteration - len(rows) + row + 1}; last.ckpt, if there is one, is from before"
            )
        return rows

    def _align(self) -> list[str]:
        """Give all rows the same columns, those of any, and return these columns' names."""
        names = list(dict.fromkeys(name for own in self._names for name in own))
        for i, (own, row) in enumerate(zip(self._names, self._rows, strict=True)):
            if own != names:
                by_name = dict(zip(own, row, strict=True))
                missing = torch.zeros_like(row[0])
                self._names[i], self._rows[i] = names, torch.stack([by_name.get(name, missing) for name in names])
        return names

    def check_parameters(self, iteration: int, players: Mapping[str, nn.Module]) -> None:
        """Raise TrainingDiverged if a parameter is not finite."""
        for player, network in players.items():
            if not all(bool(p.isfinite().all()) for p in network.parameters()):
                raise TrainingDiverged(
                    f"the {player} has parameters that are not finite after iteration {iteration};"
                    " last.ckpt, if there is one, is from before"
                )

    def state(self, iteration: int, strategy: Strategy) -> dict[str, Any]:
        """What a checkpoint keeps, averaged over all processes.

        Raises:
            TrainingDiverged: see :meth:`check`.
        """
        rows = self.check(iteration, strategy)
        return {"names": self._align(), "rows": rows}

    def load(self, state: Mapping[str, Any], device: torch.device | str = "cpu") -> None:
        """Go on from :meth:`state` with terms that lie on ``device``."""
        self._rows = [] if state["rows"] is None else list(state["rows"].to(device))
        self._names = [list(state["names"]) for _ in self._rows]
