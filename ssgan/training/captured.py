"""A step function as one CUDA graph: its hundreds of small kernels are launched by one call."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map

from ssgan.errors import ConfigError

#: Records a function without arguments: what replays it, and its outputs, which each replay overwrites.
Record = Callable[[Callable[[], Any], Sequence[torch.Generator]], tuple[Callable[[], None], Any]]


def record_cuda_graph(
    function: Callable[[], Any], generators: Sequence[torch.Generator]
) -> tuple[Callable[[], None], Any]:
    """Record a function as a CUDA graph; nothing is computed yet.

    Args:
        function: uses the same memory each time, and does not wait for the device.
        generators: what it draws from; each replay goes on with their states, as the function itself would.
    """
    graph = torch.cuda.CUDAGraph()
    if torch.__version__ < "2.14":  # later versions find the generators themselves (pytorch/pytorch#176753)
        for generator in generators:
            graph.register_generator_state(generator)
    gc.collect()  # what is freed during a recording would be memory of the graph's
    with torch.cuda.graph(graph):
        outputs = function()
    return graph.replay, outputs


class Captured:
    """A function of a tree of tensors, which is called a few times as it is, then recorded, then replayed.

    The first calls let libraries choose their algorithms and allocate what they keep. What is recorded is what the
    function does on the device; what it does on the host is not repeated.

    Args:
        function: of tensors whose shapes never change.
        generators: the random generators that it draws from.
        warm_up: calls before the recording, at least one.
        record: how the function is recorded.

    A call raises ConfigError if the recorded function returned other names than at the call before.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        generators: Sequence[torch.Generator],
        warm_up: int = 3,
        record: Record = record_cuda_graph,
    ) -> None:
        self.function = function
        self.generators = generators
        self.record = record
        self._left = warm_up
        self._stream: torch.cuda.Stream | None = None
        self._kept: list[Any] = []
        self._replay: Callable[[], None] | None = None
        self._outputs: Any = None
        self._names: set[str] = set()

    def __call__(self, *arguments: Any) -> Any:
        """What the function returns; its tensors are overwritten by the next call."""
        if self._left:
            self._left -= 1
            outputs = self._warm_up(arguments)
            self._names = _names(outputs)
            return outputs
        if self._replay is None:
            inputs = tree_map(lambda leaf: leaf.clone() if isinstance(leaf, Tensor) else leaf, arguments)
            self._kept = tree_flatten(inputs)[0]
            self._replay, self._outputs = self.record(lambda: self.function(*inputs), self.generators)
            if changed := sorted(self._names ^ _names(self._outputs)):
                raise ConfigError(
                    f"trainer.cuda_graphs=true repeats what it records, but {', '.join(changed)} is not there in each"
                    " iteration; leave it out"
                )
        else:
            for kept, given in zip(self._kept, tree_flatten(arguments)[0], strict=True):
                if isinstance(kept, Tensor):
                    kept.copy_(given)
        self._replay()
        return self._outputs

    def _warm_up(self, arguments: Sequence[Any]) -> Any:
        """A call on a stream of its own, as recording needs it before."""
        if not torch.cuda.is_available():
            return self.function(*arguments)
        self._stream = self._stream or torch.cuda.Stream()  # the memory that it frees is not another stream's
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            outputs = self.function(*arguments)
        torch.cuda.current_stream().wait_stream(self._stream)
        return outputs


def _names(outputs: Any) -> set[str]:
    """The texts in a tree, such as the names of terms."""
    return {leaf for leaf in tree_flatten(outputs)[0] if isinstance(leaf, str)}
