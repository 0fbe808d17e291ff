"""A network as it computes outside of training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn


@contextmanager
def at_inference(network: nn.Module) -> Iterator[Any]:
    """The network with its layers in evaluation mode, and afterwards each again in the mode in which it was.

    Our layers do not ask for the mode. Those of a network of one's own may: torch.nn.Dropout draws, and
    torch.nn.BatchNorm counts, in training mode, and a look at samples would then change the training.
    """
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield network
    finally:
        for module, training in modes.items():
            module.training = training
