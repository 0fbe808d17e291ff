"""The exponential average of a network's weights."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

from ssgan.training_options import Average


def average_rate(options: Average, updates: int, length: float = 1.0) -> float:
    """How far the average moves towards the weights at an update, when ``updates`` have been made before.

    With ``warmup`` it is at least 9/(10 + updates), so that the average forgets the start values: without it they
    still weigh ``(1 − rate)^t`` after t updates. ``length`` is the fraction of the recipe's length that is trained, in
    which the average is to forget as much.
    """
    rate = options.rate if options.half_life is None else 1 - 0.5 ** (1 / options.half_life)
    assert rate is not None  # Average checks that one of the two is given
    rate = min(rate / length, 1.0)
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

    @torch.no_grad()
    def update(self, network: nn.Module, rate: float) -> None:
        """Move the averages by ``rate`` towards the network's parameters, and take its buffers."""
        torch._foreach_lerp_(list(self.network.parameters()), list(network.parameters()), rate)
        if buffers := list(network.buffers()):
            torch._foreach_copy_(list(self.network.buffers()), buffers)
