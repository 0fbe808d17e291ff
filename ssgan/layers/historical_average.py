"""The running mean of historical averaging (Salimans et al. 2016, section 3.3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn


class HistoricalAverage(nn.Module):
    """``weight · ‖θ − (1/t)·Σ_{i≤t} θ[i]‖²`` for one player, with its running mean.

    The history is a constant in the gradient, ``2·weight·(θ − mean)``. θ[1] is the player's start, so the first
    penalty is 0. The means and t are buffers: they are saved and resumed with the model.

    A mean is a float32 and the rest that its rounding has left out (Kahan's sum), for after a hundred thousand steps a
    float32 alone does not take up the t-th part of a small difference any more; some devices have no float64.
    """

    steps: Tensor

    def __init__(self, parameters: Sequence[Tensor], weight: float) -> None:
        super().__init__()
        self.weight = weight
        self.count = len(parameters)
        for i, parameter in enumerate(parameters):
            self.register_buffer(f"mean_{i}", parameter.detach().clone().float())
            self.register_buffer(f"rest_{i}", torch.zeros_like(parameter).float())
        self.register_buffer("steps", torch.ones((), dtype=torch.int64))

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *arguments: Any) -> None:
        """Take also a state without rests, such as older ones are; they are 0 then."""
        for i in range(self.count):
            state_dict.setdefault(f"{prefix}rest_{i}", torch.zeros_like(self.get_buffer(f"rest_{i}")))
        super()._load_from_state_dict(state_dict, prefix, *arguments)

    def means(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Each parameter's running mean, as two tensors whose sum it is, in the parameters' order."""
        return ((self.get_buffer(f"mean_{i}"), self.get_buffer(f"rest_{i}")) for i in range(self.count))

    def forward(self, parameters: Sequence[Tensor]) -> Tensor:
        """The penalty on the parameters as they are."""
        pairs = zip(parameters, self.means(), strict=True)
        return self.weight * torch.stack([(p.float() - mean - rest).square().sum() for p, (mean, rest) in pairs]).sum()

    @torch.no_grad()
    def update(self, parameters: Sequence[Tensor]) -> None:
        """Count the parameters, as a step has left them, into the mean."""
        self.steps += 1
        for p, (mean, rest) in zip(parameters, self.means(), strict=True):
            change = rest + (p.float() - mean - rest) / self.steps
            moved = mean + change
            rest.copy_(change - (moved - mean))
            mean.copy_(moved)
