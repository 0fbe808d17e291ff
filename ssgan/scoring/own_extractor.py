"""A classifier of the data set at hand, trained on all its labels and kept for the next time."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import torch
from omegaconf import OmegaConf

from ssgan.config import parse
from ssgan.data.options import cache_dir
from ssgan.inference.trained import TrainedModel, load

#: Iterations of the training; the features need not be the best there are, but the same for all who compare.
ITERATIONS = 2000


def own_extractor(model: TrainedModel, place: str | None, tell: Callable[[str], None]) -> TrainedModel:
    """The classifier with the model's own network and data set, supervised by the labels of all training images.

    It is trained once, with seed 1, and kept in the user's cache folder.

    Args:
        model: whose images are going to be scored.
        place: where its data set lies, if it has been moved.
        tell: is called with one line before a training.
    """
    data = model.images(place)
    config = copy.deepcopy(model.config.resolved)
    config |= {"seed": 1, "ensemble": None, "ckpt_path": None, "trick": {}, "logger": {}}
    config["objective"] |= {"unlabelled_weight": 0.0, "g_steps": 0}
    config["data"] |= {"num_labels": None, "num_val": 0, "seed": 1}
    if place is not None:
        config["data"]["path" if "path" in config["data"] else "root"] = place
    config["trainer"] |= {"max_iterations": ITERATIONS, "devices": 1, "strategy": "auto", "test_curve": False}
    images = hashlib.sha256(data.x_train.numpy().tobytes()).hexdigest()
    identity = json.dumps([config["model"], config["optim"], images], sort_keys=True, default=str)
    digest = hashlib.sha256(identity.encode()).hexdigest()[:12]
    folder = cache_dir() / "extractors" / f"{model.config.data.name}-{digest}"
    if not (folder / "result.json").is_file():
        tell(f"training an extractor of features once, on all labels of {model.config.data.name}, into {folder}")
        _train(config, folder)
    return load(folder, str(model.device))


def _train(config: dict[str, object], folder: Path) -> None:
    from ssgan.run import run

    config["callbacks"] = {
        "last": {"_target_": "ssgan.callbacks.LastCheckpoint", "dirpath": str(folder / "checkpoints"), "every": 10**9}
    }
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng():
        run(parse(OmegaConf.create(config), str(folder), []), quiet=True)
