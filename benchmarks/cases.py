"""The recipes that are measured, and a run of ssgan on random images by one of them."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import torch

from benchmarks.bare import conv_players, mlp_players
from ssgan.composition import compose
from ssgan.data.images import ImageData
from ssgan.run import run


@dataclass(frozen=True)
class Recipe:
    """Options, and the shape of the images."""

    options: tuple[str, ...]
    shape: tuple[int, int, int]


@dataclass(frozen=True)
class Case(Recipe):
    """A recipe of which there is a plain loop, with its networks."""

    players: Callable[[], Any]
    z_dim: int
    batch: int
    lr: float
    l1: bool
    scale: tuple[float, float]


CASES = {
    "digits": Case(
        ("data=digits", "data.batch_size=50"), (1, 8, 8),
        lambda: mlp_players((1, 8, 8), 50, (128, 128), (256, 128, 128), 0.15), 50, 50, 3e-3, False, (0, 16),
    ),
    "mlp": Case(
        ("data=mnist",), (1, 28, 28),
        lambda: mlp_players((1, 28, 28), 100, (500, 500), (1000, 500, 250, 250, 250), 0.3), 100, 100, 3e-3, False,
        (0, 255),
    ),
    "conv_svhn": Case(
        ("data=svhn",), (3, 32, 32), lambda: conv_players((3, 32, 32), 100, (512, 256, 128), (64, 128)), 100, 100,
        3e-4, True, (127.5, 127.5),
    ),
    "conv_cifar10": Case(
        ("data=cifar10",), (3, 32, 32), lambda: conv_players((3, 32, 32), 100, (512, 256, 128), (96, 192)), 100, 100,
        3e-4, True, (127.5, 128),
    ),
}  # fmt: skip


def images_of(shape: tuple[int, int, int]) -> ImageData:
    """Random images with ten classes."""
    rng = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (12_000, *shape), dtype=torch.uint8, generator=rng)
    y = torch.arange(12_000) % 10
    return ImageData(x[:10_000], y[:10_000], x[10_000:], y[10_000:], tuple(map(str, range(10))))


def train(
    recipe: Recipe, folder: Path, options: Sequence[str], device: str, callbacks: Sequence[L.Callback] = ()
) -> ImageData:
    """Run ssgan on random images, as a user would, its output left out; the images."""
    data = images_of(recipe.shape)
    config = compose([*recipe.options, f"trainer={'gpu' if device == 'cuda' else 'cpu'}", *options], folder)
    config.data.load = lambda: data  # type: ignore[method-assign]
    logging.getLogger("lightning").setLevel(logging.ERROR)
    with contextlib.redirect_stdout(io.StringIO()):
        run(config, callbacks=callbacks)
    return data
