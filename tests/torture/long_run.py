"""A long run of the digits network, watched: memory, speed, log files, counters.

python -m tests.torture.long_run FOLDER [--iterations 100000] [OVERRIDE ...]

Prints a table of equal parts of the run and writes ``long_run.json``; ends with status 1 if memory or the time of an
iteration grew, a log file is larger than its rows explain, or a counter is wrong.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import lightning as L
import torch
from rich.console import Console
from rich.table import Table

from tests.runs import last_checkpoint, metric_rows, train

#: Parts of the run that are compared.
STAGES = 20

#: What may be asked of the later parts against the earlier ones.
LARGEST_GROWTH_MB, LARGEST_SLOWDOWN = 32.0, 1.25


@dataclass(frozen=True)
class Part:
    """Where a part of the run ended: iteration, seconds and processor seconds of the part, memory and files then.

    ``yardstick`` is the processor seconds of a fixed piece of work at that time, which are more where others are busy
    on the same cores.
    """

    iteration: int
    seconds: float
    cpu_seconds: float
    yardstick: float
    resident_mb: float
    metrics_csv: int
    tensorboard: int
    checkpoints: int


class Watch(L.Callback):
    """Notes a :class:`Part` every so many iterations."""

    def __init__(self, run_dir: Path, every: int) -> None:
        self.run_dir = run_dir
        self.every = every
        self.parts: list[Part] = []
        self.iterations = 0
        self._since = (0.0, 0.0)

    def on_train_start(self, *_: object) -> None:
        self._since = (time.monotonic(), time.process_time())

    def on_train_batch_end(self, trainer: L.Trainer, *_: object) -> None:
        self.iterations += 1
        if trainer.global_step % self.every == 0:
            now = (time.monotonic(), time.process_time())
            seconds, cpu = (after - before for after, before in zip(now, self._since, strict=True))
            sizes = [size_of(self.run_dir / name) for name in ("metrics.csv", "tensorboard", "checkpoints")]
            times = round(seconds, 3), round(cpu, 3), round(yardstick(), 4)
            self.parts.append(Part(trainer.global_step, *times, resident_mb(), *sizes))
            self._since = (time.monotonic(), time.process_time())


def yardstick() -> float:
    """Processor seconds of some hundred products of matrices of the network's size."""
    a, began = torch.ones(300, 256), time.process_time()
    for _ in range(300):
        torch.mm(a, a.T)
    return time.process_time() - began


def resident_mb() -> float:
    """Memory of this process that is in use now, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(round(int(line.split()[1]) / 1024, 1) for line in lines if line.startswith("VmRSS"))


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files of a folder; 0 if there is none."""
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())


def faults(parts: list[Part], counted: int, iterations: int, run_dir: Path, result: dict) -> list[str]:
    """What is wrong with a run that was watched.

    Memory and time are compared between the second fifth and the last one, so that what is only allocated at the start,
    and what is short and noisy, decides nothing.
    """
    fifth = max(len(parts) // 5, 1)
    early, late = parts[fifth : 2 * fifth] or parts[:1], parts[-fifth:]
    found = []
    growth = max(p.resident_mb for p in late) - max(p.resident_mb for p in early)
    if growth > LARGEST_GROWTH_MB:
        found.append(f"memory grew by {growth:.0f} MB")
    before, after = (statistics.median(p.cpu_seconds / p.yardstick for p in part) for part in (early, late))
    slowdown = after / before
    if slowdown > LARGEST_SLOWDOWN:
        found.append(f"an iteration takes {slowdown:.2f} times as long at the end")
    rows = metric_rows(run_dir)
    for name in ("metrics_csv", "tensorboard"):
        sizes = [getattr(part, name) for part in parts]
        grown = [after - before for before, after in itertools.pairwise(sizes)]
        if grown and max(grown) > 1.5 * statistics.median(grown) + 20_000:
            found.append(f"{name} grows unevenly: {grown}")
    if len({p.checkpoints for p in parts if p.checkpoints}) > 1 and parts[-1].checkpoints > 1.1 * parts[0].checkpoints:
        found.append("checkpoints grow")
    expected = list(range(50, iterations + 1, 50))
    counters = {
        "iterations counted": (counted, iterations),
        "result's iterations": (result["iterations"], iterations),
        "checkpoint's global_step": (last_checkpoint(run_dir)["global_step"], iterations),
        "steps of the log": ([int(row["step"]) for row in rows if "train/d_loss" in row], expected),
    }
    found += [
        f"{name}: {str(is_)[:60]}, not {str(should)[:60]}" for name, (is_, should) in counters.items() if is_ != should
    ]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--iterations", type=int, default=100_000)
    options, overrides = parser.parse_known_args()
    run_dir = options.folder
    watch = Watch(run_dir, max(options.iterations // STAGES, 1))
    length = f"trainer.max_iterations={options.iterations}"
    result = train(run_dir, "trainer=cpu", "callbacks=[checkpoints,samples]", length, *overrides, callbacks=[watch])
    found = faults(watch.parts, watch.iterations, options.iterations, run_dir, result)
    table = Table(
        "iteration",
        "ms an iteration",
        "CPU ms",
        "yardstick",
        "MB",
        "metrics.csv",
        "tensorboard",
        "checkpoints",
        box=None,
    )
    for p in watch.parts:
        times = (f"{1000 * s / watch.every:.2f}" for s in (p.seconds, p.cpu_seconds))
        sizes = (f"{size:,}" for size in (p.metrics_csv, p.tensorboard, p.checkpoints))
        table.add_row(str(p.iteration), *times, f"{1000 * p.yardstick:.0f} ms", str(p.resident_mb), *sizes)
    Console().print(table)
    report = {"iterations": options.iterations, "parts": [asdict(p) for p in watch.parts], "faults": found}
    (run_dir / "long_run.json").write_text(json.dumps(report, indent=1) + "\n")
    print("\n".join(found) or "nothing grew, all counters are right")
    raise SystemExit(bool(found))


if __name__ == "__main__":
    main()
