"""Blocks of a training and of a rival in turn, so that both see the same machine."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import lightning as L
import torch


class Rival(L.Callback):
    """Times blocks of the run, and after each block the rival's."""

    def __init__(self, rival: Callable[[], None], block: int, warm_up: int) -> None:
        self.rival, self.block, self.warm_up = rival, block, warm_up
        self.ours: list[float] = []
        self.theirs: list[float] = []
        self.begin = 0.0

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        """At a block's end."""
        if trainer.global_step % self.block:
            return
        synchronise()
        now = time.perf_counter()
        if trainer.global_step > self.warm_up:
            self.ours.append((now - self.begin) / self.block)
        with products_as_pytorch_begins():
            theirs = seconds(self.rival, self.block)
        if trainer.global_step > self.warm_up:
            self.theirs.append(theirs)
        synchronise()
        self.begin = time.perf_counter()


@contextlib.contextmanager
def products_as_pytorch_begins() -> Iterator[None]:
    """Compute products and convolutions as PyTorch does unless it is told otherwise."""
    convolutions: Any = torch.backends.mkldnn.conv
    before = torch.get_float32_matmul_precision(), convolutions.fp32_precision
    torch.set_float32_matmul_precision("highest")
    convolutions.fp32_precision = "none"
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        convolutions.fp32_precision = before[1]


def synchronise() -> None:
    """Wait for the device."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def seconds(call: Callable[[], Any], times: int) -> float:
    """Of one call, the mean of some."""
    synchronise()
    begin = time.perf_counter()
    for _ in range(times):
        call()
    synchronise()
    return (time.perf_counter() - begin) / times
