"""The training module that a checkpoint holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ssgan.build import build_model
from ssgan.config import TrainConfig, parse_resolved
from ssgan.errors import ConfigError
from ssgan.module import SemiSupervisedGAN
from ssgan.run_folder.checkpoint import last_checkpoint, read_checkpoint


def load_module(
    run: str | Path, *, strict: bool = True, weights_only: bool = True
) -> tuple[SemiSupervisedGAN, TrainConfig, Path]:
    """The training module with the values of a checkpoint, on the CPU, its configuration, and the checkpoint's file.

    Args:
        run: a run's folder or a checkpoint.
        strict: Lightning's option, always true.
        weights_only: Lightning's option, always true.

    Raises:
        ConfigError: one of these is not, there is no checkpoint, it is not a whole one of this project, or a class that
            it names cannot be imported.
    """
    if not (strict and weights_only):
        raise ConfigError("a checkpoint of ssgan is read with strict=True and weights_only=True, or not at all")
    path = checkpoint_path(run)
    checkpoint = read_checkpoint(str(path))
    try:
        described: dict[str, Any] = checkpoint["ssgan"]
        config = parse_resolved(described["config"], str(path.parent))
        config.trainer.cuda_graphs = False  # the next Trainer's affair, which may be on a CPU or share its batches
        with torch.random.fork_rng(devices=[]):  # layers are made with weights drawn from the global generator
            module = build_model(config, tuple(described["image_shape"]), described["classes"], described["num_labels"])
        module.load_state_dict(checkpoint["state_dict"])
        module.description["data_checksum"] = described.get("data_checksum")
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    except (KeyError, RuntimeError) as error:
        raise ConfigError(f"{path} does not go with this version of ssgan: {_first_lines(error)}") from error
    return module, config, path


def _first_lines(error: Exception) -> str:
    return " ".join(line.strip() for line in str(error).splitlines()[:2])


def checkpoint_path(run: str | Path) -> Path:
    """The checkpoint that a run folder or file name means."""
    path = Path(run).expanduser()
    if path.is_dir():
        path = last_checkpoint(path)
    if not path.is_file():
        below = sorted(folder.parent.parent for folder in Path(run).glob("*/checkpoints/last.ckpt"))
        hint = f"; is one of the {len(below)} runs in it meant, such as {below[0]}?" if below else ""
        raise ConfigError(f"{run}: there is no checkpoint {path}{hint}")
    return path
