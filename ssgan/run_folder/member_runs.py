"""An ensemble's members as runs of their own: what each would have left behind if it had trained alone."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from torch import Tensor

from ssgan.config import TrainConfig
from ssgan.errors import ConfigError
from ssgan.run_folder.checkpoint import last_checkpoint, read_checkpoint
from ssgan.run_folder.checkpoint_file import AtomicCheckpointIO
from ssgan.run_folder.result import write
from ssgan.run_folder.status import RunStatus, read_status
from ssgan.training.error_rates import Errors


def check_members(config: TrainConfig) -> None:
    """Refuse to go on with an ensemble of which a member has been trained on alone: it would be overwritten.

    Raises:
        ConfigError: names the member.
    """
    whole = read_status(config.run_dir)
    for i in range(config.run.ensemble or 0):
        folder = Path(config.run_dir, "members", str(i + 1))
        status = read_status(folder)
        further = status is not None and whole is not None and status.iteration > whole.iteration
        if further or (folder / ".hydra").is_dir():
            raise ConfigError(f"{folder} has been trained on alone and would be overwritten; move it elsewhere first")


def write_members(config: TrainConfig, result: dict[str, Any], evaluated: dict[str, Errors]) -> None:
    """Write ``members/1``, ``members/2`` … into an ensemble's folder, each with result, status and checkpoint.

    Each can be used, evaluated, reported, and resumed as any other run. Without the ensemble's own checkpoint of its
    end, as with ``callbacks=none``, they have none either.

    Args:
        config: of the ensemble.
        result: what the ensemble's ``result.json`` holds.
        evaluated: the final errors on each split.
    """
    assert config.run.ensemble is not None
    last = last_checkpoint(config.run_dir)
    checkpoint = read_checkpoint(str(last)) if last.is_file() else None
    if checkpoint is not None and checkpoint["global_step"] != result["iterations"]:
        checkpoint = None
    for i in range(config.run.ensemble):
        folder = Path(config.run_dir, "members", str(i + 1))
        folder.mkdir(parents=True, exist_ok=True)
        if checkpoint is not None:
            own_checkpoint = member_checkpoint(checkpoint, i)
            AtomicCheckpointIO().save_checkpoint(own_checkpoint, last_checkpoint(folder))
        own = member_result(result, i, evaluated)
        write(own, str(folder))
        RunStatus("done", own["iterations"], own["iterations"], own["seconds"]).write(folder)


def member_result(result: dict[str, Any], i: int, evaluated: dict[str, Errors]) -> dict[str, Any]:
    """Member i's part of an ensemble's result; ``seconds`` are its share of the common ones."""
    count = result["config"]["ensemble"]
    errors = round(evaluated["test"].each[i] * result["test_size"])
    own = result | {
        "test_error": errors / result["test_size"],
        "test_errors": errors,
        "seed": result["seed"] + i,
        "data_seed": result["data_seed"] + i,
        "seconds": round(result["seconds"] / count, 3),
        "iterations_per_second": round(result["iterations_per_second"] * count, 3),
        "parameters": {name: total // count for name, total in result["parameters"].items()},
        "config": member_config(result["config"], i),
        "trained_with": {"ensemble": count, "seconds": result["seconds"]},
    }
    if "val" in evaluated:
        own["val_error"] = round(evaluated["val"].each[i], 6)
    return {key: value for key, value in own.items() if key not in ("members", "mean_member_error")}


def member_config(config: dict[str, Any], i: int) -> dict[str, Any]:
    """The resolved configuration with which member i would have trained alone."""
    own = copy.deepcopy(config)
    own |= {"ensemble": None, "seed": config["seed"] + i}
    own["data"]["seed"] += i
    return own


def member_checkpoint(checkpoint: dict[str, Any], i: int) -> dict[str, Any]:
    """Member i's part of an ensemble's checkpoint, with which its training can go on alone."""
    described = checkpoint["ssgan"]

    def part(value: Any) -> Any:
        # The stacked tensors of an optimiser have a dimension, its count of steps has none.
        return value[i].clone() if isinstance(value, Tensor) and value.ndim else value

    history, rows = described["history"], described["history"]["rows"]
    return checkpoint | {
        "state_dict": {name: value[i].clone() for name, value in checkpoint["state_dict"].items()},
        "optimizer_states": [
            {
                "state": {key: {name: part(v) for name, v in state.items()} for key, state in states["state"].items()},
                "param_groups": states["param_groups"],
            }
            for states in checkpoint["optimizer_states"]
        ],
        "callbacks": {},
        "ssgan": described
        | {
            "config": member_config(described["config"], i),
            "seconds": described["seconds"] / len(described["rng_state"]),
            "rng_state": described["rng_state"][i].clone(),
            "history": {"names": history["names"], "rows": None if rows is None else rows[..., i]},
        },
    }
