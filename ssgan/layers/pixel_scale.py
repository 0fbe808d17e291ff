"""From stored pixels to the networks' range and back."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PixelScale(nn.Module):
    """``(pixel − offset) / divisor`` for uint8 pixels: (0, 255) gives [0, 1], (127.5, 127.5) gives [−1, 1]."""

    def __init__(self, offset: float, divisor: float) -> None:
        super().__init__()
        self.offset = offset
        self.divisor = divisor

    def forward(self, pixels: Tensor) -> Tensor:
        """Scale pixels of any shape, in torch's default floating-point type."""
        return torch.sub(pixels, float(self.offset)).div_(self.divisor)

    def to_pixels(self, images: Tensor) -> Tensor:
        """Scale images of the networks' range back to uint8, rounded and clipped."""
        return images.float().mul(self.divisor).add_(self.offset).round_().clamp_(0, 255).to(torch.uint8)

    def extra_repr(self) -> str:
        """Describe the scale."""
        return f"offset={self.offset}, divisor={self.divisor}"
