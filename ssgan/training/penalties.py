"""The techniques' penalties on a player's parameters, with their state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ssgan.training.members import Members
from ssgan.tricks import TrickSet


class ParameterPenalties(nn.ModuleDict):
    """Penalties on one player's parameters by technique; each member of an ensemble has its own state.

    Args:
        tricks: the techniques.
        network: the player; of an ensemble, stacked.
        members: of an ensemble, or a single model.
    """

    def __init__(self, tricks: TrickSet, network: nn.Module, members: Members) -> None:
        penalties: Any = nn.ModuleDict(tricks.parameter_penalties(list(network.parameters())))
        if len(penalties) and members.count is not None:
            apart = [tricks.parameter_penalties(list(each.parameters())) for each in members.apart(network)]
            penalties = members.together([nn.ModuleDict(each) for each in apart])
        super().__init__(penalties)
        self._members = members

    def terms(self, network: nn.Module) -> dict[str, Tensor]:
        """Each penalty on the player's parameters as they are; of an ensemble ``[members]``."""
        parameters = self._of(network)
        return {name: self._members.call(_value, [each], parameters) for name, each in self.items()}

    @torch.no_grad()
    def follow(self, network: nn.Module) -> None:
        """Let the penalties take note of the parameters that a step has left."""
        parameters = self._of(network)
        for each in self.values():
            self._members.call(_update, [each], parameters)

    def _of(self, network: nn.Module) -> list[Tensor]:
        return list(network.parameters()) if len(self) else []


def _value(penalty: nn.Module, parameters: Sequence[Tensor]) -> Any:
    return penalty(parameters)


def _update(penalty: Any, parameters: Sequence[Tensor]) -> tuple[()]:
    penalty.update(parameters)
    return ()
