"""What the terminal shows of a sweep while it runs, and at its end."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from shlex import quote
from typing import Any, ClassVar

from hydra.errors import HydraException
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, open_dict, read_write
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ssgan.commands.cli import FULL_ERROR, leave
from ssgan.commands.unused_folder import discard_unused
from ssgan.errors import ConfigError, SSGANError
from ssgan.sweeping.plan import plan_sweep
from ssgan.sweeping.refusal import check_jobs
from ssgan.sweeping.state import SweepState
from ssgan.sweeping.stopping import graceful_stop
from ssgan.typed_overrides import typed


class SweepMonitor(Callback):
    """A Hydra callback: names the jobs' folders, then has them watched.

    It holds nothing, for launchers send it to other processes.
    """

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Plan the sweep and begin to watch it."""
        try:
            plan = plan_sweep(config)
            check_jobs(config, plan.jobs)
        except (ConfigError, HydraException) as error:
            leave(error)  # Hydra would make a warning of it
        with read_write(config.hydra), open_dict(config.hydra):
            # The jobs' configurations are composed anew, of this list and the job's own overrides.
            shared = ",".join(f"'{key}'" for key in plan.shared_keys)
            config.hydra.overrides.hydra.append(f"hydra.job.config.override_dirname.exclude_keys=[{shared}]")
        SweepWatch.active = SweepWatch(SweepState(Path(config.hydra.sweep.dir), plan))


class SweepWatch:
    """A thread that shows done, running and failed jobs and the time left; until it is closed, Ctrl-C lets them end.

    What it knows it reads from the jobs' folders, so it serves every launcher.

    Args:
        state: of the sweep.
        every: seconds between two looks.
    """

    active: ClassVar[SweepWatch | None] = None

    def __init__(self, state: SweepState, every: float = 1.0) -> None:
        self.state = state
        self.every = every
        self.console = Console(soft_wrap=True)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        self._signals = ExitStack()
        self._signals.enter_context(graceful_stop(state.running))

    def close(self) -> None:
        """Stop watching."""
        self._signals.close()
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        bar = Progress(
            TextColumn("sweep"),
            TimeElapsedColumn(),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[jobs]}"),
            console=self.console,
            auto_refresh=False,
            disable=not self.console.is_terminal,
        )
        task = bar.add_task("", total=self.state.size, jobs="")
        with bar:
            more = True
            while more:
                more = not self._end.wait(self.every)
                news = self.state.refresh()
                ended = self.state.ended
                for number, name in enumerate(news, ended - len(news) + 1):
                    counter = escape(f"[{number}/{self.state.size}]")
                    self.console.print(f"{counter}  {self._line(name)}", highlight=False)
                bar.update(task, completed=ended, total=self.state.size, jobs=self._jobs(), refresh=True)

    def _line(self, name: str) -> str:
        """One ended job."""
        status = self.state.status[name]
        if status.state != "done":
            return f"[red]{status.state}[/]  {escape(name)}  {escape(status.error or '')}"
        result = json.loads((self.state.folder / name / "result.json").read_text())
        split = "val" if "val_error" in result else "test"  # who looks at held-out labels chooses by them
        learned = result.get("objective") != "unlabelled"
        error = f"{split} error {result[f'{split}_error']:.2%}" if learned else "done"
        return f"{escape(name)}  {error}  {result['seconds']:.0f} s"

    def _jobs(self) -> str:
        """How many run and have failed, how far the running ones are, and the time left."""
        running = [s for s in self.state.status.values() if s.state == "running"]
        words = [f"{len(running)} running"]
        if running:
            words.append(f"({', '.join(f'{s.fraction:.0%}' for s in running[:8])})")
        if failed := self.state.count("failed"):
            words.append(f"[red]{failed} failed[/]")
        left = self.state.seconds_left()
        words.append("time left " + (f"about {timedelta(seconds=round(left))}" if left is not None else "unknown yet"))
        return " ".join(words)

    def summarise(self, whole: bool) -> int:
        """Print what became of the sweep; the number of jobs that failed, or 1 where no job is to be seen."""
        state, console = self.state, self.console
        self.state.refresh()
        done, failed = state.count("done"), [n for n, s in state.status.items() if s.state == "failed"]
        words = [f"{done} of {state.size} jobs done"]
        if state.before:
            words[0] += f" ({len(state.before)} of them before)"
        words += [f"{len(failed)} failed"] if failed else []
        console.print(f"\n{', '.join(words)}, in {timedelta(seconds=round(time.time() - state.started))}")
        for name in failed:
            console.print(f"[red]failed[/]  {escape(name)}: {escape(state.status[name].error or '')}", highlight=False)
        console.print(f"folder  {escape(str(state.folder))}", highlight=False)
        unseen = whole and not state.status
        if unseen:
            hint = "; see to hydra.sweep.subdir" if state.plan.folders is None else ""
            console.print(f"[red]failed[/]  no job has left anything in this folder{hint}")
        if done:
            console.print(escape(f"report  python -m ssgan.report {quote(str(state.folder))}"), highlight=False)
        if set(failed) - state.refused or not whole:
            again = typed("hydra.sweep.dir", str(state.folder))
            console.print(escape(f"go on   the same command with {again}"), highlight=False)
        return len(failed) + unseen


@contextmanager
def sweep_summary() -> Iterator[None]:
    """At the end of a sweep, also of one that was interrupted, say what became of it; exit with 1 if a job failed."""
    whole, lost, wrong = False, False, False
    try:
        yield
        whole = True
    except SystemExit as end:
        wrong = end.code == 2  # what run_hydra says of wrong options
        raise
    except Exception as error:
        lost = process_was_lost(error)
        if not lost or os.environ.get(FULL_ERROR) == "1":
            raise
    finally:
        watch, SweepWatch.active = SweepWatch.active, None
        if watch is not None:
            watch.close()
            if wrong and watch.state.status.keys() == watch.state.before:  # no job has begun
                discard_unused(watch.state.folder, Path.cwd())
            elif watch.summarise(whole) and whole:
                sys.exit(1)
    if lost:
        leave(
            SSGANError(
                "a worker process was killed, perhaps for its memory, and the launcher gave up; run fewer at once"
            )
        )


def process_was_lost(error: Exception) -> bool:
    """Whether a launcher says that the process of a job has died: joblib's pool, or submitit."""
    return isinstance(error, BrokenExecutor) or type(error).__module__.startswith("submitit.")
