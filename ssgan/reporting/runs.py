"""The runs in a set of folders, as their files tell."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ssgan.comparing import mattering
from ssgan.errors import DataError
from ssgan.run_folder.status import read_status

#: Folders inside a run's folder, in which no further runs are looked for.
_INSIDE = {"checkpoints", "samples", "tensorboard", "wandb", ".hydra", ".submitit", "evaluation"}

_NUMBER = (int, float)

#: The types of what reports take from ``result.json``; only the first need be there.
_TYPES: dict[str, type | tuple[type, ...]] = {
    "test_error": _NUMBER,
    "val_error": _NUMBER,
    "seconds": _NUMBER,
    "iterations_per_second": _NUMBER,
    "num_labels": int,
    "iterations": int,
    "seed": int,
    "data_seed": int,
    "tricks": list,
    "tricks_in_effect": list,
    "config": dict,
    "versions": dict,
}

#: Keys that choose among equals: the splits and the start values.
SEEDS = ("data.seed", "seed")


@dataclass(frozen=True)
class Run:
    """A finished run: the ``folder``, its ``name`` from where the search began, and what ``result.json`` holds."""

    folder: Path
    name: str
    result: dict[str, Any]

    @property
    def seeds(self) -> tuple[int, int]:
        """(data.seed, seed)."""
        return int(self.result.get("data_seed", 0)), int(self.result.get("seed", 0))

    @property
    def error(self) -> float:
        """Test error as a fraction."""
        return float(self.result["test_error"])

    @property
    def supervised(self) -> bool:
        """Whether it is the baseline on the labels alone."""
        return self.result.get("objective") == "supervised"

    @property
    def tricks(self) -> tuple[str, ...]:
        """Names of the techniques that have an effect: of a supervised run, those of D's layers and parameters."""
        return tuple(self.result.get("tricks_in_effect", () if self.supervised else self.result.get("tricks", ())))

    @cached_property
    def settings(self) -> dict[str, str]:
        """All options that can matter for the result, by dotted name; of a run without them what else it says."""
        config = self.result.get("config")
        if config is None:
            kept = ("data", "num_labels", "num_val", "num_unlabelled", "objective", "iterations", "parameters")
            config = {**{key: self.result.get(key) for key in kept}, "trick": {name: {} for name in self.tricks}}
            config |= {"seed": self.seeds[1], "data.seed": self.seeds[0], "precision": self.result.get("precision")}
        return mattering(config)

    @cached_property
    def curves(self) -> dict[str, dict[int, float]]:
        """What ``metrics.csv`` holds: for each key the values by iteration."""
        curves: dict[str, dict[int, float]] = {}
        try:
            with (self.folder / "metrics.csv").open(newline="") as file:
                for row in csv.DictReader(file):
                    step = int(float(row.pop("step")))
                    for key, value in row.items():
                        if value:
                            curves.setdefault(key, {})[step] = float(value)
        except (OSError, ValueError, KeyError, TypeError, csv.Error):
            pass  # a run without a log, or with a damaged one, has a result all the same
        return curves

    def curve(self, key: str) -> dict[int, float]:
        """Values by iteration; the test error of an ensemble is the ensemble's, as in its result."""
        found = self.curves.get("test/ensemble_error") if key == "test/error" else None
        return found or self.curves.get(key, {})

    @property
    def samples(self) -> Path | None:
        """Its last grid of samples."""
        pictures = sorted((self.folder / "samples").glob("*.png"))
        single = self.folder / "samples.png"
        return pictures[-1] if pictures else single if single.is_file() else None


@dataclass(frozen=True)
class IncompleteRun:
    """A run without a result: its ``state`` (``failed``, ``interrupted``, ``running`` …), how far it came, and why."""

    name: str
    state: str
    progress: str
    reason: str


def find_runs(folders: Sequence[str | Path]) -> tuple[list[Run], list[IncompleteRun]]:
    """All runs in the folders and below them.

    Raises:
        DataError: a folder is not there, or there is no run in any of them.
    """
    runs: list[Run] = []
    incomplete: list[IncompleteRun] = []
    seen: set[Path] = set()
    for given in map(Path, folders):
        if not given.is_dir():
            raise DataError(f"{given}: there is no such folder of runs")
        for folder in _run_folders(given):
            if folder.resolve() in seen:
                continue
            seen.add(folder.resolve())
            name = str(folder.relative_to(given)) if folder != given else given.resolve().name
            name = name if len(folders) == 1 or folder == given else f"{given.name}/{name}"
            result = _result(folder)
            if result is not None:
                runs.append(Run(folder, name, result))
            else:
                incomplete.append(_incomplete(folder, name))
    if not runs and not incomplete:
        raise DataError(f"{', '.join(map(str, folders))}: there is no run here; a run's folder holds a result.json")
    return runs, incomplete


def _run_folders(root: Path) -> Iterator[Path]:
    entered = {root.resolve()}
    for directory, subfolders, files in os.walk(root, followlinks=True):
        folder = Path(directory)
        is_run = "result.json" in files or "status.json" in files or (folder / ".hydra").is_dir()
        inside = _INSIDE if is_run else {".hydra", ".submitit"}
        real = {name: (folder / name).resolve() for name in sorted(subfolders) if name not in inside}
        subfolders[:] = [name for name, place in real.items() if place not in entered]
        entered.update(real.values())
        if is_run:
            yield folder


def _result(folder: Path) -> dict[str, Any] | None:
    try:
        result = json.loads((folder / "result.json").read_text())
        found = {"test_error", *(_TYPES.keys() & result.keys())}
        return result if all(isinstance(result[key], _TYPES[key]) for key in found) else None
    except (OSError, ValueError, KeyError, AttributeError):
        return None


def _incomplete(folder: Path, name: str) -> IncompleteRun:
    status = read_status(folder)
    if (folder / "result.json").exists():
        return IncompleteRun(name, "damaged", "", "its result.json cannot be read")
    if status is None:
        return IncompleteRun(name, "unknown", "", "it has written no status")
    progress = f"{status.iteration} of {status.iterations} iterations" if status.iterations else "not begun"
    reason = status.error or ("cut off, or still at work" if status.state == "running" else "")
    return IncompleteRun(name, status.state, progress, reason)
