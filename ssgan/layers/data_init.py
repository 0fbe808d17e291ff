"""Data-dependent initialisation (Salimans & Kingma 2016, section 3): one pass over examples sets gains and biases."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn


@runtime_checkable
class DataInitialised(Protocol):
    """A layer that sets parameters from its first output."""

    def initialise_from_output(self, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        """Set parameters from ``output``, computed with the start values, and return the output they now give."""
        ...


@torch.no_grad()
def initialise_from_data(network: nn.Module, *inputs: Any, **options: Any) -> None:
    """Run ``network(*inputs, **options)`` once, letting each layer set its start values before the next one runs."""

    def apply_start_values(layer: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        return layer.initialise_from_output(args, output)  # type: ignore[operator]

    hooks = [m.register_forward_hook(apply_start_values) for m in network.modules() if isinstance(m, DataInitialised)]
    try:
        network(*inputs, **options)
    finally:
        for hook in hooks:
            hook.remove()
