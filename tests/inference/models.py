"""Models of a trained run's form, without the training."""

from __future__ import annotations

from pathlib import Path

import torch

from ssgan.build import build_model
from ssgan.inference.trained import TrainedModel
from tests.runs import QUIET, TINY_CONV, TINY_MLP, compose_run


def untrained(
    folder: Path, shape: tuple[int, int, int] = (1, 8, 8), classes: tuple[str, ...] = ("a", "b", "c"), *overrides: str
) -> TrainedModel:
    """A tiny model with its start values; its averaged networks differ from those that learn."""
    small = TINY_CONV if "model=conv" in overrides else TINY_MLP
    config = compose_run(folder, *QUIET, *small, *overrides)
    module = build_model(config, shape, classes, num_labels=3)
    module.initialise(random_images(500, shape))
    rng = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for average in (module.average, module.generator_average):
            for parameter in () if average is None else average.parameters():
                parameter.mul_(1 + 0.1 * torch.rand(parameter.shape, generator=rng))
    return TrainedModel(module, config, folder, torch.device("cpu"))


def random_images(n: int, shape: tuple[int, int, int], seed: int = 0) -> torch.Tensor:
    """uint8 noise."""
    return torch.randint(0, 256, (n, *shape), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
