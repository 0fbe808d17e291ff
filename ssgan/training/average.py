"""The exponential average of a network's weights."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ssgan.training.members import owner_of
from ssgan.training_options import Average


def average_rate(options: Average, updates: int, length: float = 1.0) -> float:
    """How far the average moves towards the weights at an update, when ``updates`` have been made before.

    With ``warmup`` it is at least 9/(10 + updates), so that the average forgets the start values: without it they
    still weigh ``(1 − rate)^t`` after t updates. ``length`` is the fraction of the recipe's length that is trained, in
    which the average is to forget as much; a rate of 1, the weights themselves, stays what it is.
    """
    rate = options.rate if options.half_life is None else 1 - 0.5 ** (1 / options.half_life)
    assert rate is not None  # Average checks that one of the two is given
    rate = min(rate / length, 1.0) if rate < 1 else rate
    return max(rate, 9 / (10 + updates)) if options.warmup else rate


def in_use(network: Any, average: WeightAverage | None) -> Any:
    """What is used of a network: its average, where there is one."""
    return network if average is None else average.network


class WeightAverage(nn.Module):
    """A copy of a network whose parameters follow the network's; buffers, such as a norm's statistics, are copied.

    ``torch.optim.swa_utils.AveragedModel`` would do, but reads its counter back from the device at every update.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).requires_grad_(False)

    def following(self, network: nn.Module) -> Callable[[float], None]:
        """The update that moves the averages by a rate towards the network's parameters, and takes its buffers.

        The parameters are listed once, as an optimiser's are, for that takes longer than a small network's update. A
        buffer is read where it stands, as a layer may put another tensor there.
        """
        averages: list[Tensor] = list(self.network.parameters())
        parameters: list[Tensor] = list(network.parameters())
        places = [[owner_of(each, name) for name, _ in each.named_buffers()] for each in (self.network, network)]

        @torch.no_grad()
        def update(rate: float) -> None:
            torch._foreach_lerp_(averages, parameters, rate)
            copies, buffers = ([getattr(owner, leaf) for owner, leaf in of_one] for of_one in places)
            if buffers:
                torch._foreach_copy_(copies, buffers)

        return update
