"""The order of images in memory."""

from __future__ import annotations

from torch import Tensor


def channels_last(x: Tensor) -> Tensor:
    """``[n, c, h, w]`` of the same values with a pixel's channels side by side, the order in which convolutions are faster.

    Layers keep the order. Written without ``torch.channels_last``, which ``torch.func.vmap`` does not take.
    """
    return x.movedim(1, -1).contiguous().movedim(-1, 1)
