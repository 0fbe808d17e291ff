"""The running mean of historical averaging (Salimans et al. 2016, section 3.3)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class HistoricalAverage(nn.Module):
    """``weight · ‖θ − (1/t)·Σ_{i≤t} θ[i]‖²`` for one player, with its running mean.

    The history is a constant in the gradient, ``2·weight·(θ − mean)``. θ[1] is the player's start, so the first
    penalty is 0. The means and t are buffers: they are saved and resumed with the model. The means are in float64, for
    after a hundred thousand steps a float32 does not take up a t-th part of a small difference any more.
    """

    steps: Tensor

    def __init__(self, parameters: Sequence[Tensor], weight: float) -> None:
        super().__init__()
        self.weight = weight
        for i, parameter in enumerate(parameters):
            self.register_buffer(f"mean_{i}", parameter.detach().clone().double())
        self.register_buffer("steps", torch.ones((), dtype=torch.int64))

    def means(self) -> list[Tensor]:
        """The running means, in the parameters' order."""
        return [buffer for name, buffer in self.named_buffers() if name != "steps"]

    def forward(self, parameters: Sequence[Tensor]) -> Tensor:
        """The penalty on the parameters as they are."""
        distances = [
            (p.double() - mean).float().square().sum() for p, mean in zip(parameters, self.means(), strict=True)
        ]
        return self.weight * torch.stack(distances).sum()

    @torch.no_grad()
    def update(self, parameters: Sequence[Tensor]) -> None:
        """Count the parameters, as a step has left them, into the mean."""
        self.steps += 1
        rate = 1 / self.steps.double()
        for p, mean in zip(parameters, self.means(), strict=True):
            mean.copy_(mean.lerp(p.double(), rate))  # lerp_ is not for several members at once
