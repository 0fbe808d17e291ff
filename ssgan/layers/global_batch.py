"""A batch that several processes share: each holds a part, and what is computed over a batch spans all parts.

Training by N processes is then the same algorithm as by one with the whole batch. Layers and losses that look across a
batch use :func:`batch_mean` and :func:`whole_batch`; outside :func:`spanning`, as in evaluation, these look at what the
process holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed
from torch import Tensor


@dataclass(frozen=True)
class Share:
    """The part of every batch that a process takes: number ``rank`` of ``processes`` equal ones."""

    rank: int = 0
    processes: int = 1

    def of(self, batch: Tensor, parts: int = 1) -> Tensor:
        """This process's examples of a batch, which is ``parts`` minibatches end to end."""
        if self.processes == 1:
            return batch
        minibatches = batch.view(parts, self.processes, -1, *batch.shape[1:])
        return minibatches[:, self.rank].flatten(0, 1)


#: All of the batch.
WHOLE = Share()

_SHARE: ContextVar[Share] = ContextVar("share", default=WHOLE)


@contextmanager
def spanning(share: Share) -> Iterator[None]:
    """Let what is computed over a batch span all processes. All of them must compute the same meanwhile."""
    token = _SHARE.set(share)
    try:
        yield
    finally:
        _SHARE.reset(token)


def spans_processes() -> bool:
    """Whether the batch at hand is one of several parts."""
    return _SHARE.get().processes > 1


def batch_mean(x: Tensor, dim: int | tuple[int, ...] = 0) -> Tensor:
    """Mean over the batch, and over all processes' parts of it; differentiable in every process's part.

    The gradient is the one that is right when the processes' gradients are averaged afterwards.
    """
    mean = x.mean(dim)
    return SumOverProcesses.apply(mean) / _SHARE.get().processes if spans_processes() else mean


def whole_batch(x: Tensor, dim: int = 0) -> Tensor:
    """All processes' parts of a batch, end to end along ``dim``; differentiable like :func:`batch_mean`."""
    share = _SHARE.get()
    if share.processes == 1:
        return x
    parts = [x if rank == share.rank else torch.zeros_like(x) for rank in range(share.processes)]
    # A sum with zeros needs no collective but the one that every backend has, and its gradient is the same sum.
    return SumOverProcesses.apply(torch.cat(parts, dim))


def own_part(x: Tensor, dim: int = 0) -> Tensor:
    """What :func:`whole_batch` took from this process."""
    share = _SHARE.get()
    return x.chunk(share.processes, dim)[share.rank]


class SumOverProcesses(torch.autograd.Function):
    """Sum of a tensor over the processes; the gradient is the sum of theirs."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        """The sum."""
        total = x.clone(memory_format=torch.contiguous_format)
        torch.distributed.all_reduce(total)
        return total

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        """The gradient needs nothing."""

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        """The sum of the gradients."""
        return SumOverProcesses.apply(grad)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int], x: Tensor) -> tuple[Tensor, int]:
        """An ensemble's members in one sum."""
        return SumOverProcesses.apply(x), in_dims[0]
