"""``result.json``: what a finished run reports."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lightning as L
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ssgan.atomic_write import atomic_write
from ssgan.config import TrainConfig
from ssgan.data.ensemble import EnsembleData
from ssgan.data.module import SemiSupervisedData
from ssgan.machine.hardware import describe_hardware
from ssgan.module import SemiSupervisedGAN
from ssgan.version import __version__

#: Width of what stands before the values on the terminal.
HEAD = len("its members")


def summarise(
    config: TrainConfig,
    trainer: L.Trainer,
    model: SemiSupervisedGAN,
    data: SemiSupervisedData | EnsembleData,
) -> dict[str, Any]:
    """What ``result.json`` holds, after a test; an ensemble predicts by the mean of its members' probabilities."""
    first = data.members[0] if isinstance(data, EnsembleData) else data
    size, found = len(data.images.y_test), model.errors.latest["test"]
    errors = round((found.mean if found.ensemble is None else found.ensemble) * size)
    supervised = not config.objective.unlabelled_weight
    with_unlabelled = "semi_supervised" if config.objective.labelled_weight else "unlabelled"
    result = {
        "test_error": errors / size,
        "test_errors": errors,
        "test_size": size,
        "num_labels": first.num_labels,
        "num_val": len(first.val[1]),
        "num_unlabelled": len(first.unlabelled),
        "seed": config.run.seed,
        "data_seed": config.data.seed,
        "data": config.data.name,
        "objective": "supervised" if supervised else with_unlabelled,
        "tricks": config.tricks.names,
        "tricks_in_effect": config.tricks.supervised_names if supervised else config.tricks.names,
        "iterations": trainer.global_step,
        "seconds": round(model.stopwatch.seconds, 3),
        "iterations_per_second": round(trainer.global_step / max(model.stopwatch.seconds, 1e-9), 3),
        "parameters": {name: sum(p.numel() for p in network.parameters()) for name, network in model.players.items()},
        "hardware": describe_hardware(trainer.strategy.root_device),
        "processes": trainer.world_size,
        "precision": config.trainer.precision,
        "matmul_precision": config.trainer.matmul_precision,
        "versions": {
            "python": platform.python_version(),
            "ssgan": __version__,
            **{name: version(name) for name in ("torch", "lightning", "torchvision")},
        },
        "overrides": config.overrides,
        "config": config.resolved,
    }
    if "val" in model.errors.latest:
        result["val_error"] = round(model.errors.latest["val"].mean, 6)
    if found.ensemble is not None:
        result |= {"members": [round(error * size) for error in found.each], "mean_member_error": found.mean}
    return result


def write(result: dict[str, Any], run_dir: str) -> None:
    """Write ``result.json`` into a run's folder."""
    with atomic_write(Path(run_dir, "result.json"), durable=True, only_writer=True) as aside:
        aside.write_text(json.dumps(result, indent=2) + "\n")


def show(result: dict[str, Any], run_dir: str) -> None:
    """Print the result."""
    table = Table(show_header=False, box=None)
    table.add_column(min_width=HEAD)
    table.add_column()
    if result["objective"] == "unlabelled":
        table.add_row("test error", "none: D has not learned what the classes are")
        table.add_row("labels", f"none of {result['data']}")
    else:
        table.add_row("test error", f"{result['test_error']:.2%}  ({result['test_errors']} of {result['test_size']})")
        if "members" in result:
            each = ", ".join(map(str, result["members"]))
            table.add_row("its members", f"{result['mean_member_error']:.2%}  ({each} of {result['test_size']})")
        table.add_row("labels", f"{result['num_labels']} of {result['data']}, data.seed={result['data_seed']}")
    table.add_row("unlabelled", f"{result['num_unlabelled']:,} images")
    alone = ": the labels alone" if result["objective"] == "supervised" else ""
    table.add_row("techniques", (", ".join(result["tricks_in_effect"]) or "none") + alone)
    table.add_row("iterations", f"{result['iterations']} in {result['seconds']:.1f} s")
    folder, here = Path(run_dir), Path.cwd()
    console = Console()
    console.print(table)
    place = escape(str(folder.relative_to(here) if here in folder.parents else folder))
    console.print(f" {'folder':{HEAD}}  {place}", soft_wrap=True, highlight=False)  # in a table it would be cut off
