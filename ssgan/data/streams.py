"""What the training step sees: labelled images, and two independently shuffled streams of unlabelled ones.

Which images an iteration takes is a function of the seed and the iteration alone, so that an interrupted run goes on
with exactly the images it would have seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ssgan.errors import ConfigError


class IterationBatch(NamedTuple):
    """uint8 images of one iteration, of d D steps and g G steps.

    For each D step there are n labelled and n unlabelled ones, ``[d, n, c, h, w]``, and the ``labels`` ``[d, n]``; for
    each G step n ``real`` ones, unlabelled images in an order of their own, ``[g, n, c, h, w]``. An ensemble's have the
    members after the steps: ``[d, members, n, …]``.
    """

    labelled: Tensor
    labels: Tensor
    unlabelled: Tensor
    real: Tensor


class EvalBatch(NamedTuple):
    """uint8 ``images`` ``[n, c, h, w]`` of a ``split`` (``val`` or ``test``) with their ``labels`` ``[n]``."""

    split: str
    images: Tensor
    labels: Tensor


def shuffled_passes(size: int, length: int, rng: torch.Generator) -> Tensor:
    """``length`` indices into a set: passes over it end to end, each in a random order of its own, the last one cut."""
    passes = [torch.randperm(size, generator=rng) for _ in range(-(-length // size))]
    return torch.cat([torch.empty(0, dtype=torch.int64), *passes])[:length]


def epoch_rng(seed: int, epoch: int) -> torch.Generator:
    """The generator of an epoch's order."""
    state = np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0] >> np.uint64(1)))


@dataclass
class SemiSupervisedStream:
    """The training loader; each pass yields what is left of the epoch at which the trainer stands.

    An epoch is one pass of the D steps over the unlabelled set, its last incomplete batch left out; the labelled set is
    shuffled and repeated to the epoch's length. With several processes each takes its share of every batch.

    Args:
        labelled, labels: the labelled images, uint8, and their classes, on the training device.
        unlabelled: the unlabelled images, uint8, on the training device.
        batch_size: images of each kind in a step, over all processes.
        iteration: gives the number of iterations done.
        iterations_per_batch: length of the lists that it yields, each of which is one batch to Lightning.

    Raises:
        ConfigError: an epoch is no whole number of such lists.
    """

    labelled: Tensor
    labels: Tensor
    unlabelled: Tensor
    batch_size: int
    d_steps: int
    g_steps: int
    seed: int
    iteration: Callable[[], int] = lambda: 0
    rank: int = 0
    world_size: int = 1
    iterations_per_batch: int = 1

    def __post_init__(self) -> None:
        given, epoch = self.iterations_per_batch, self.iterations
        if epoch % given:
            fitting = [n for n in range(1, min(epoch, 100) + 1) if epoch % n == 0]
            raise ConfigError(
                f"trainer.iterations_per_batch={given}: does not divide the {epoch} iterations of an epoch;"
                f" {', '.join(map(str, fitting))} would"
            )

    @property
    def iterations(self) -> int:
        """Of an epoch."""
        return max(len(self.unlabelled) // (self.batch_size * self.d_steps), 1)

    def __len__(self) -> int:
        return self.iterations // self.iterations_per_batch

    def __iter__(self) -> Iterator[list[IterationBatch]]:
        epoch, start = divmod(self.iteration(), self.iterations)
        labelled, unlabelled, real = (_without_waiting(order, self.labels.device) for order in self.epoch_order(epoch))
        share = self.batch_size // self.world_size
        mine = slice(self.rank * share, (self.rank + 1) * share)
        for i in range(start, self.iterations, self.iterations_per_batch):
            these = slice(i, i + self.iterations_per_batch)
            chosen = labelled[these, ..., mine]
            images = (
                self.labelled[chosen],
                self.labels[chosen],
                self.unlabelled[unlabelled[these, ..., mine]],
                self.unlabelled[real[these, ..., mine]],
            )
            yield [IterationBatch(*of_one) for of_one in zip(*(each.unbind() for each in images), strict=True)]

    def state_dict(self) -> dict[str, int]:
        """Nothing: the trainer's iteration is the state. Lightning asks for it before it resumes within an epoch."""
        return {}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """See :meth:`state_dict`."""

    def epoch_order(self, epoch: int) -> tuple[Tensor, Tensor, Tensor]:
        """Indices of an epoch's labelled, unlabelled and, for G, real images, ``[iterations, steps, batch_size]``."""
        rng = epoch_rng(self.seed, epoch)

        def order(size: int, steps: int) -> Tensor:
            length = self.iterations * steps * self.batch_size
            return shuffled_passes(size, length, rng).view(self.iterations, steps, self.batch_size)

        return (
            order(len(self.labelled), self.d_steps),
            order(len(self.unlabelled), self.d_steps),
            order(len(self.unlabelled), self.g_steps),
        )


@dataclass
class EvalStream:
    """A split in batches; with several processes each takes every ``world_size``-th image.

    ``images`` are ``[n, c, h, w]`` and ``labels`` ``[n]``, or of each member of an ensemble, ``[members, n, …]``.
    """

    split: str
    images: Tensor
    labels: Tensor
    batch_size: int
    rank: int = 0
    world_size: int = 1

    def __len__(self) -> int:
        return -(-len(range(self.rank, self.labels.shape[-1], self.world_size)) // self.batch_size)

    def __iter__(self) -> Iterator[EvalBatch]:
        dim = self.labels.ndim - 1
        mine = torch.arange(self.rank, self.labels.shape[dim], self.world_size, device=self.labels.device)
        for chosen in mine.split(self.batch_size):
            yield EvalBatch(self.split, self.images.index_select(dim, chosen), self.labels.index_select(dim, chosen))


def _without_waiting(order: Tensor, device: torch.device) -> Tensor:
    """Indices on the device; the host does not wait until a GPU is done with what came before."""
    return order.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else order.to(device)
