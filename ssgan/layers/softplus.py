"""Softplus at the speed of a CPU's exponential and logarithm."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

#: From here on the identity is as near to softplus as float32 comes.
LINEAR_FROM = 20.0


class Softplus(nn.Module):
    """``log(1 + eˣ)``, of float32 on a CPU within 1.2e-7 or a rounding of it.

    PyTorch computes ``log1p(eˣ)``, whose log1p takes a CPU several times as long as a logarithm. Nothing is lost by the
    rounding of 1 + eˣ but the digits of values below 1e-7.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Apply it to each value."""
        if x.device.type != "cpu" or x.dtype != torch.float32:
            return softplus(x)
        above = (x - LINEAR_FROM).relu()
        return ((x - above).exp() + 1).log() + above
