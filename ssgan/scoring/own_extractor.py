"""A classifier of the data set at hand, trained on all its labels and kept for the next time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from omegaconf import OmegaConf

from ssgan.augmentation import Augmentation
from ssgan.config import parse
from ssgan.data.options import cache_dir
from ssgan.errors import SSGANError
from ssgan.inference.trained import TrainedModel, load
from ssgan.run import run
from ssgan.training_options import Average, Objective, Optim, TrainerOptions

#: Iterations of the training; the features need not be the best there are, but the same for all who compare.
ITERATIONS = 2000

#: Options of the data that say where they lie, not what they are.
_PLACES = ("root", "path")


def own_extractor(model: TrainedModel, place: str | None, tell: Callable[[str], None]) -> TrainedModel:
    """The classifier with the model's own network and data set, supervised by the labels of all training images.

    It is trained once and kept in the user's cache folder; a training that was stopped is gone on with. How it is
    trained does not depend on how the model was, but for device and threads, so that all runs with that network and
    data are scored by one. Of commands that need it at once, one trains it.

    Args:
        model: whose images are going to be scored.
        place: where its data set lies, if it has been moved.
        tell: is called with one line before a training.

    Raises:
        SSGANError: the cache folder cannot be made.
    """
    config = _supervised(model, place)
    images = model.images(place).checksum()
    what = {name: value for name, value in config["data"].items() if name not in _PLACES}
    identity = json.dumps([config["model"], what, config["optim"], ITERATIONS, images], sort_keys=True, default=str)
    digest = hashlib.sha256(identity.encode()).hexdigest()[:12]
    folder = cache_dir() / "extractors" / f"{model.config.data.name}-{digest}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SSGANError(
            f"{folder}, for a classifier whose features are compared, cannot be made: {error.strerror}; name a trained"
            " one with --extractor RUN"
        ) from error
    with FileLock(folder / ".lock"):
        if not (folder / "result.json").is_file():
            tell(
                f"training an extractor of features once, {ITERATIONS:,} iterations on all labels of"
                f" {model.config.data.name}, into {folder}; --extractor RUN names one that is trained"
            )
            _train(config, folder)
    return load(folder, str(model.device))


def _supervised(model: TrainedModel, place: str | None) -> dict[str, Any]:
    """The configuration of the extractor's training: of the model's, the network and what the data are."""
    resolved = model.config.resolved
    data = {**resolved["data"], "num_labels": None, "num_val": 0, "seed": 1, "batch_size": 100}
    data |= {"eval_batch_size": 1000, "include_labelled": True, "augment": asdict(Augmentation())}
    here = model.data_options(place)
    data |= {name: getattr(here, name) for name in _PLACES if name in data}
    device = model.device
    trainer = TrainerOptions(
        accelerator=device.type,
        devices=1 if device.index is None else [device.index],
        max_iterations=ITERATIONS,
        threads=model.config.trainer.threads,
        test_curve=False,
    )
    return {
        "seed": 1,
        "model": resolved["model"],
        "data": data,
        "objective": asdict(Objective(unlabelled_weight=0.0, g_steps=0)),
        "optim": asdict(Optim(lr=1e-3, flat=0.5, interval="iteration", average=Average(rate=2e-3))),
        "trainer": asdict(trainer),
    }


def _train(config: dict[str, Any], folder: Path) -> None:
    checkpoints = folder / "checkpoints"
    callbacks = {
        "progress": {"_target_": "ssgan.callbacks.Progress"},
        "last": {"_target_": "ssgan.callbacks.LastCheckpoint", "dirpath": str(checkpoints), "every": 10**9},
    }
    stopped = checkpoints / "last.ckpt"
    again = {"callbacks": callbacks, "ckpt_path": str(stopped) if stopped.is_file() else None}
    with torch.random.fork_rng():
        run(parse(OmegaConf.create(config | again), str(folder), []), quiet=True)
