"""Start values of the weights, from an explicit random generator."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

#: Sets a tensor in place, drawing from its argument ``generator``; most functions of torch.nn.init are of this kind.
WeightInit = Callable[..., Tensor]

#: Weights ~ N(0, 0.05²), as in the convolutional recipes.
SMALL_NORMAL: WeightInit = partial(nn.init.normal_, std=0.05)


def initialise_weights(network: nn.Module, init: WeightInit, generator: torch.Generator) -> None:
    """Set the weights of all dense and convolutional layers by ``init`` and their biases to 0.

    Layers with a ``draw_parameters(generator)`` of their own follow it. Others, as torch's norms, stay as they were
    made, and so do those whose weights do not learn.
    """
    layer: Any
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            if not layer.weight.requires_grad:
                continue
            init(layer.weight, generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif layer is not network and hasattr(layer, "draw_parameters"):
            layer.draw_parameters(generator)
