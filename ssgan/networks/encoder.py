"""The encoder: which z an image was generated from."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from ssgan.layers import WeightNormLinear


class Encoder(nn.Module):
    """``q(z | x)``: a normal distribution of independent dimensions for each image.

    Args:
        hidden: layers, images → ``[n, width]``.
        width: of the last hidden layer.
        z_dim: dimensions of z.
    """

    def __init__(self, hidden: Sequence[nn.Module], width: int, z_dim: int) -> None:
        super().__init__()
        self.hidden = nn.Sequential(*hidden)
        self.output = WeightNormLinear(width, 2 * z_dim, trainable_gain=True, init_std=0.1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the standard deviation, each ``[n, z_dim]``, of scaled images."""
        mean, log_std = self.output(self.hidden(images)).chunk(2, 1)
        return mean, log_std
