"""The players' optimisers: Adam as in the published recipes, its learning rate set from outside at every iteration."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ssgan.training_options import Optim


def make_optimiser(network: nn.Module, options: Optim, precision: str) -> torch.optim.Optimizer:
    """Adam for one player.

    Args:
        network: the player.
        options: its rates (:meth:`ssgan.training_options.Optim.of`).
        precision: of the training, as ``trainer.precision``.
    """
    betas, fused = (options.beta1, options.beta2), can_be_fused(precision, options.clip_norm)
    return torch.optim.Adam(network.parameters(), lr=options.lr, betas=betas, eps=options.eps, fused=fused)


def can_be_fused(precision: str, clip_norm: float | None) -> bool | None:
    """Whether one kernel may update all parameters: not where a loss scaler has to unscale them first for the clipping.

    Of a float16 step that overflows, the kernel itself leaves out the update; the others let the host wait to know.
    None leaves the choice among these to PyTorch; False would be the slowest of them.
    """
    return True if precision != "16-mixed" or clip_norm is None else None


def adapt(
    optimisers: Sequence[torch.optim.Optimizer],
    options: Sequence[Optim],
    precision: str,
    device: torch.device | str,
    *,
    in_graph: bool,
) -> None:
    """Give optimisers, which may come from a checkpoint written elsewhere, the form in which steps are taken here.

    Their counters of steps go to where this form reads them: the fused and the recorded one on the device.

    Args:
        optimisers: the players'.
        options: each one's; a checkpoint may have been written under others.
        precision: of the training.
        device: of the training.
        in_graph: their steps are replayed by a CUDA graph, which reads the learning rate from the device.
    """
    for optimiser, own in zip(optimisers, options, strict=True):
        fused = can_be_fused(precision, own.clip_norm)
        place = device if fused or in_graph else "cpu"
        for state in optimiser.state.values():
            state["step"] = state["step"].to(place)
        for group in optimiser.param_groups:
            lr = float(group["lr"])
            group |= {
                "lr": torch.tensor(lr, device=device) if in_graph else lr,
                "betas": (own.beta1, own.beta2),
                "eps": own.eps,
                "fused": fused,
                "capturable": in_graph,
            }


def set_learning_rate(optimisers: Sequence[torch.optim.Optimizer], rates: Sequence[float]) -> None:
    """Set each optimiser's learning rate, without waiting for the device.

    On a GPU it is a float32 number with a CUDA graph and without, so that both take the same steps.
    """
    for optimiser, lr in zip(optimisers, rates, strict=True):
        for group in optimiser.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(lr)
            else:
                group["lr"] = _as_float32(lr) if group["params"][0].device.type != "cpu" else lr


def _as_float32(value: float) -> float:
    return torch.tensor(value, dtype=torch.float32).item()
