"""Folders as a sweep's jobs leave them."""

from __future__ import annotations

import json
from pathlib import Path

from ssgan.run_folder.status import RunStatus
from ssgan.sweeping.plan import SweepPlan
from ssgan.sweeping.state import SweepState

FOLDERS = ["a", "b", "c", "d"]


def job(folder: Path, name: str, state: str, iteration: int = 0, error: str | None = None) -> None:
    (folder / name).mkdir(exist_ok=True)
    RunStatus(state, iteration, 100, 1.0, error).write(folder / name)
    if state == "done":
        (folder / name / "result.json").write_text(json.dumps({"test_error": 0.125, "seconds": 3.0}))


def state(folder: Path, folders: list[str] | None = FOLDERS) -> SweepState:
    return SweepState(folder, SweepPlan(4, [], [], folders))
