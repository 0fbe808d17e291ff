"""The spectral norm of a weight (Miyato et al. 2018, arXiv:1802.05957), as a function of the weight alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize


class SpectralScale(nn.Module):
    """``1 / σ(W)``, σ being the largest singular value of the weight as a matrix ``[outputs, everything else]``.

    σ is estimated, from below, by the power method, whose vectors are constants to autograd. The authors carry them
    over from step to step; here the method starts each time at the same random vector and makes more iterations, about
    2 % of the layer's own work on 300 images. So there is no state, and a weight average is normalised by its own σ.

    Args:
        shape: of the weight, outputs first.
        iterations: of the power method.
    """

    start: Tensor

    def __init__(self, shape: torch.Size, iterations: int) -> None:
        super().__init__()
        self.iterations = iterations
        self.register_buffer("start", torch.ones(shape[0]))

    def draw_parameters(self, generator: torch.Generator) -> None:
        """Draw the vector at which the power method starts."""
        self.start.normal_(generator=generator)

    def forward(self, weight: Tensor) -> Tensor:
        """A float32 scalar, by which the weight is to be multiplied."""
        with torch.autocast(weight.device.type, enabled=False):
            matrix = weight.float().flatten(1)
            with torch.no_grad():
                u = self.start
                for _ in range(self.iterations):
                    v = normalize(matrix.T @ u, dim=0)
                    u = normalize(matrix @ v, dim=0)
            return 1 / (u @ matrix @ v + 1e-12)

    def extra_repr(self) -> str:
        """Describe the layer."""
        return f"iterations={self.iterations}"
