"""Jobs an hour of a sweep over the digits, one after the other and two at once.

python -m benchmarks.sweep
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.machine import write

LAUNCHERS = {1: [], 2: ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]}


def jobs_per_hour(processes: int, jobs: int, iterations: int) -> float:
    """Of a sweep that many jobs long, its start included."""
    with tempfile.TemporaryDirectory() as folder:
        seeds = ",".join(str(seed + 1) for seed in range(jobs))
        options = [f"data.seed={seeds}", f"trainer.max_iterations={iterations}", f"hydra.sweep.dir={folder}"]
        begin = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "ssgan.train", "-m", *options, *LAUNCHERS[processes]],
            stdout=subprocess.DEVNULL,  # and not stderr, which says what went wrong
            check=True,
        )
        return 3600 * jobs / (time.perf_counter() - begin)


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--iterations", type=int, default=600)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = []
    for processes in LAUNCHERS:
        rate = jobs_per_hour(processes, arguments.jobs, arguments.iterations)
        rows.append(
            {"processes": processes, "jobs": arguments.jobs, "iterations": arguments.iterations, "per_hour": rate}
        )
        print(f"{processes} at once: {rate:6.0f} jobs of {arguments.iterations} iterations an hour", flush=True)
        write(arguments.json, rows)  # each as it comes, lest a time limit lose them all


if __name__ == "__main__":
    main()
