"""How far a sweep is, as its jobs' folders tell."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from ssgan.commands.unused_folder import hydra_files, write_back
from ssgan.run_folder.status import RunStatus, read_status
from ssgan.sweeping.plan import SweepPlan


@dataclass
class SweepState:
    """What is known of the jobs of a sweep from their folders."""

    folder: Path
    plan: SweepPlan
    started: float = field(default_factory=time.time)
    before: set[str] = field(default_factory=set)  # done by an earlier start
    status: dict[str, RunStatus] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)  # jobs whose folder holds another run, which stays what it is
    configurations: dict[str, dict[Path, bytes]] = field(default_factory=dict)  # of earlier runs, by folder
    single: dict[str, bool] = field(default_factory=dict)  # whether a folder's run is no job of a sweep

    def __post_init__(self) -> None:
        self.configurations = {name: hydra_files(self.folder / name) for name in self._names()}
        self.before = {name for name in self._names() if (self.folder / name / "result.json").is_file()}
        self.status = {name: RunStatus("done") for name in self.before}

    def refresh(self) -> list[str]:
        """Read the folders again; the jobs that have ended since the last time."""
        ended = []
        for name in self._names():
            known = self.status.get(name)
            if known is not None and known.state != "running" and name not in self.before:
                continue
            status = read_status(self.folder / name)
            if status is not None and status.updated >= self.started:
                if status.error is not None and status.state != "failed":
                    self.refused.add(name)
                    write_back(self.configurations.get(name, {}))
                    status = replace(status, state="failed")
                self.status[name] = status
                self.before.discard(name)  # its result is not of this job: it has been refused
                if status.state != "running":
                    ended.append(name)
        return ended

    def _names(self) -> list[str]:
        """The jobs' folders; those that a search has made so far where it makes them as it goes."""
        if self.plan.folders is not None:
            return self.plan.folders
        names = []
        for folder, below, files in os.walk(self.folder):
            below[:] = [name for name in below if not name.startswith(".")]
            if "status.json" in files:
                below.clear()  # an ensemble's members are no jobs
                name = str(Path(folder).relative_to(self.folder))
                if not self._is_single(name):
                    names.append(name)
        return sorted(names)

    def _is_single(self, name: str) -> bool:
        """Whether it is the folder of a run by itself, which the user keeps beside the sweep's jobs."""
        if name not in self.single:
            path = self.folder / name / ".hydra" / "hydra.yaml"
            self.single[name] = path.is_file() and "\n  mode: RUN\n" in path.read_text()
        return self.single[name]

    def count(self, state: str) -> int:
        """How many jobs are in that state."""
        return sum(status.state == state for status in self.status.values())

    def running(self) -> list[Path]:
        """The folders of the jobs that run."""
        return [self.folder / name for name, status in list(self.status.items()) if status.state == "running"]

    @property
    def size(self) -> int:
        """How many jobs there are: also those of an earlier search that this one does not ask for again."""
        return max(self.plan.size, len(self.status))

    @property
    def ended(self) -> int:
        """How many jobs do not run any more."""
        return len(self.status) - self.count("running")

    @property
    def fraction(self) -> float:
        """Jobs done or failed, with the done part of those that run."""
        return sum(1.0 if s.state in ("done", "failed") else s.fraction for s in self.status.values())

    def seconds_left(self) -> float | None:
        """An estimate by this start's pace; None before there is one."""
        begun = self.fraction - len(self.before)
        if begun <= 0:
            return None
        return (time.time() - self.started) * (self.size - self.fraction) / begun
