"""Processes that share a batch: how they begin with the same networks, and average a player's gradients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import lightning as L
import torch
import torch.distributed
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor

from ssgan.errors import ConfigError
from ssgan.layers import Share


class PlayersDDP(DDPStrategy):
    """Lightning's DDP for players that step in turn: without PyTorch's wrapper.

    ``DistributedDataParallel`` takes both players for one network. At each player's step it would average the other's
    gradients too, and ask the device which parameters were not used, and wait for the answer. Here the module averages
    those of the player at hand (:func:`average_gradients`).
    """

    @torch.no_grad()
    def configure_ddp(self) -> None:
        """Give all processes the parameters and buffers of the first."""
        module: Any = self.model
        for tensor in (*module.parameters(), *module.buffers()):
            first = tensor.contiguous()  # of images' layers the channels may come last
            torch.distributed.broadcast(first, 0)
            tensor.copy_(first)


def check_strategy(trainer: L.Trainer) -> None:
    """Refuse processes whose gradients something else would average.

    Raises:
        ConfigError: a Trainer of several processes has another strategy than :class:`PlayersDDP`.
    """
    if trainer.world_size > 1 and not isinstance(trainer.strategy, PlayersDDP):
        raise ConfigError(
            f"{trainer.world_size} processes cannot train with {type(trainer.strategy).__name__}: give the Trainer"
            " strategy=ssgan.training.shared_gradients.PlayersDDP()"
        )


def average_gradients(parameters: Iterable[Tensor], share: Share) -> None:
    """Replace gradients by their means over the processes, in one sum; those that are None are so everywhere."""
    if share.processes == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    torch.distributed.all_reduce(flat)
    flat /= share.processes
    means = flat.split([gradient.numel() for gradient in gradients])
    torch._foreach_copy_(gradients, [mean.view_as(g) for mean, g in zip(means, gradients, strict=True)])
