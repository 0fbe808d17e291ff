"""The players' optimisers: Adam as in the published recipes, its learning rate set from outside at every iteration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ssgan.training_options import Optim


def make_optimiser(network: nn.Module, options: Optim, precision: str) -> torch.optim.Optimizer:
    """Adam for one player.

    Args:
        network: the player.
        options: its rates (:meth:`ssgan.training_options.Optim.for_player`).
        precision: of the training, as ``trainer.precision``.
    """
    betas, fused = (options.beta1, options.beta2), can_be_fused(precision, options.clip_norm)
    return Adam(network.parameters(), options.eps_root or 0.0, lr=options.lr, betas=betas, eps=options.eps, fused=fused)


class Adam(torch.optim.Adam):
    """PyTorch's Adam with a constant under the root too: ``Δθ = −lr · m̂ / (√(v̂ + eps_root) + eps)``.

    v̂ is a weighted mean of squared gradients, the weights' sum 1, so that the constant is as well added to each square:
    to the mean of the earlier ones, before PyTorch's kernel adds the newest.

    Args:
        params: as PyTorch's.
        eps_root: the constant.
        options: PyTorch's.
    """

    def __init__(self, params: Any, eps_root: float = 0.0, **options: Any) -> None:
        super().__init__(params, **options)
        for group in self.param_groups:
            group["eps_root"] = eps_root

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("eps_root", 0.0)  # a state of PyTorch's own

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Take a step down the gradients, which ``closure``, if given, computes first; return its value."""
        value = None
        if closure is not None:
            with torch.enable_grad():
                value = closure()
        overflow = getattr(self, "found_inf", None)  # a loss scaler's: the kernel then changes nothing
        for group in self.param_groups:
            learning = [p for p in group["params"] if p.grad is not None]
            if group["eps_root"] and learning:
                means = [self._mean_square(p, group) for p in learning]
                beta2 = group["betas"][1]
                constant = group["eps_root"] * (1 - beta2) / beta2
                torch._foreach_add_(means, constant if overflow is None else constant * (1 - overflow))
        step = torch.optim.Adam.step
        # Where a process has made one of PyTorch's own too, that one's step would call each hook once more.
        (step.__wrapped__ if getattr(step, "hooked", False) else step)(self)  # type: ignore[attr-defined]
        return value

    def _mean_square(self, parameter: Tensor, group: dict[str, Any]) -> Tensor:
        """The parameter's ``v``; its state is made as PyTorch makes it at the first step."""
        state = self.state[parameter]
        if not state:
            device = parameter.device if group["fused"] or group["capturable"] else "cpu"
            state["step"] = torch.zeros((), dtype=torch.float32 if group["fused"] else None, device=device)
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
        return state["exp_avg_sq"]


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

    Their counters of steps go to where this form reads them: the fused and the recorded one on the device. Mean squares
    take over another ``eps_root`` as if it had been there from the start.

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
        _exchange_eps_root(optimiser, own.eps_root or 0.0)
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


def _exchange_eps_root(optimiser: torch.optim.Optimizer, eps_root: float) -> None:
    for group in optimiser.param_groups:
        if more := eps_root - group["eps_root"]:
            for state in map(optimiser.state.get, group["params"]):
                if state:
                    weights = 1 - group["betas"][1] ** state["step"].item()  # so much of a mean that began at 0
                    state["exp_avg_sq"].add_(more * weights).clamp_min_(0)
            group["eps_root"] = eps_root


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
