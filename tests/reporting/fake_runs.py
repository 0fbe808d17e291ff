"""Folders as finished runs leave them, with chosen errors."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

CONFIG: dict[str, Any] = {
    "data": {"name": "digits", "num_labels": 30, "root": "/somewhere"},
    "objective": {"unlabelled_weight": 1.0, "g_steps": 1, "d_steps": 1},
    "optim": {"lr": 0.003, "betas": [0.5, 0.999]},
    "trainer": {"max_iterations": 40},
    "logger": {"csv": {}},
}


#: By techniques, of each seed.
ERRORS: dict[tuple[str, ...], tuple[float, ...]] = {(): (0.10, 0.12), ("feature_matching",): (0.08, 0.06)}


def write_run(
    folder: Path,
    error: float,
    tricks: Sequence[str] = (),
    seed: int = 1,
    *,
    options: dict[str, dict[str, Any]] | None = None,
    curve: bool = False,
    samples: bool = False,
    in_effect: Sequence[str] | None = None,
    **changes: Any,
) -> Path:
    """A run whose test error is ``error``.

    Args:
        folder: of the run.
        error: fraction.
        tricks: names.
        seed: of the split and of the start values.
        options: of techniques.
        curve: write ``metrics.csv``.
        samples: write a grid.
        in_effect: names of the techniques that have an effect; None: the result does not say.
        changes: of the configuration, ``optim__lr=0.1``.
    """
    config = json.loads(json.dumps(CONFIG))
    for key, value in changes.items():
        group, _, name = key.partition("__")
        config[group][name] = value
    config["data"]["seed"] = config["seed"] = seed
    config["trick"] = {name: (options or {}).get(name, {"_target_": f"ssgan.{name}"}) for name in tricks}
    result = {
        "test_error": error,
        "test_errors": round(error * 500),
        "test_size": 500,
        "num_labels": config["data"]["num_labels"],
        "seed": seed,
        "data_seed": seed,
        "data": "digits",
        "objective": "semi_supervised" if config["objective"]["unlabelled_weight"] else "supervised",
        "tricks": list(tricks),
        "iterations": 40,
        "seconds": 2.0 + seed,
        "iterations_per_second": 10.0 * seed,
        "hardware": "a machine",
        "versions": {"torch": "2.11.0"},
        "config": config,
    }
    if in_effect is not None:
        result["tricks_in_effect"] = list(in_effect)
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps(result))
    if curve:
        with (folder / "metrics.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["step", "train/d_loss", "train/g_loss", "test/error"])
            writer.writerows([[s, 2 / s, seed / s, ""] for s in (10, 20, 30, 40)])
            writer.writerow([40, "", "", error])
    if samples:
        (folder / "samples").mkdir()
        Image.fromarray(np.full((16, 16), 20 * seed, np.uint8)).save(folder / "samples" / "000040.png")
    return folder


def write_results(folder: Path, errors: Sequence[float], **more: Sequence[float]) -> Path:
    """Runs with those errors, one a seed, and further numbers in their results."""
    for i, error in enumerate(errors):
        path = write_run(folder / str(i), error, (), i + 1) / "result.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {key: values[i] for key, values in more.items()}))
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    """Those of a CSV."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
