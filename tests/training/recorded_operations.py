"""A stand-in for CUDA's recorder of graphs: what a function dispatches is recorded, and replayed in the same memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map


class _Operations(TorchDispatchMode):
    """Records operations with the tensors that they read and write; refuses those that wait for the device."""

    def __init__(self) -> None:
        super().__init__()
        self.recorded: list[tuple[Any, Any, Any, Any]] = []

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert not _waits(operation, args), f"{operation} waits for the device"
        arguments = _as_they_are((args, kwargs or {}))
        outputs = operation(*args, **(kwargs or {}))
        if not operation.is_view and operation.namespace != "profiler":
            self.recorded.append((operation, *arguments, _as_they_are(outputs)))
        return outputs


def record_operations(function: Callable[[], Any], _: Sequence[torch.Generator]) -> tuple[Callable[[], None], Any]:
    """Like :func:`ssgan.training.captured.record_cuda_graph`: nothing that the host does is repeated.

    The first replay has been computed by the recording itself.
    """
    operations, computed = _Operations(), [True]
    with operations:
        outputs = function()

    @torch.no_grad()
    def replay() -> None:
        if computed:
            computed.pop()
            return
        for operation, args, kwargs, kept in operations.recorded:
            for old, new in zip(tree_flatten(kept)[0], tree_flatten(operation(*args, **kwargs))[0], strict=True):
                if isinstance(old, torch.Tensor) and old.data_ptr() != new.data_ptr():
                    old.copy_(new)

    return replay, outputs


def _waits(operation: Any, args: Sequence[Any]) -> bool:
    """Whether the host has to know values of the device: a number, or how many rows there are."""
    if torch.Tag.dynamic_output_shape in operation.tags:
        by_number = operation is torch.ops.aten.index.Tensor and all(i is None or i.dtype.is_signed for i in args[1])
        return not by_number
    return torch.Tag.data_dependent_output in operation.tags


def _as_they_are(tree: Any) -> Any:
    """Aliases of the tensors, so that a later change of their shape is not seen."""
    return tree_map(lambda leaf: leaf.detach() if isinstance(leaf, torch.Tensor) else leaf, tree)
