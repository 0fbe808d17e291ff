"""Start values of the weights, from an explicit random generator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


def initialise_weights(network: nn.Module, init: Callable[[Tensor], Tensor], generator: torch.Generator) -> None:
    """Set the weights of all dense and convolutional layers by ``init``; layers with a rule of their own follow it."""
    layer: Any
    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            init(layer.weight)
        elif layer is not network and hasattr(layer, "reset_parameters"):
            layer.reset_parameters(generator)
