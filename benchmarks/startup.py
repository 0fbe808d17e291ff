"""The time from the command to the first iteration, and what of it is the loading of libraries.

python -m benchmarks.startup
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import write

#: What is started, by name.
COMMANDS = {
    "python": "pass",
    "import torch": "import torch",
    "import lightning": "import lightning",
    "import ssgan": "import ssgan",
    "refuse a wrong option": "from ssgan.train import main; main()",
    "one iteration": "from ssgan.train import main; main()",
}
ARGUMENTS = {"refuse a wrong option": ["trick=nonsense"], "one iteration": ["trainer.max_iterations=1"]}


def seconds(name: str, folder: Path) -> float:
    """Of a process of its own, from start to end."""
    arguments = ARGUMENTS.get(name, [])
    if arguments:
        arguments = [*arguments, f"hydra.run.dir={folder / str(time.monotonic_ns())}"]
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", COMMANDS[name], *arguments], capture_output=True, text=True)
    if done.returncode != 0 and name != "refuse a wrong option":
        raise RuntimeError(f"{name}: {done.stderr[-500:]}")
    return time.perf_counter() - begin


def main() -> None:
    """Print medians, the commands taken in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(arguments.rounds):
            for name, values in times.items():
                values.append(seconds(name, Path(folder)))
            rows: list[dict[str, Any]] = [
                {"what": name, "seconds": statistics.median(values), "rounds": len(values)}
                for name, values in times.items()
            ]
            write(arguments.json, rows)  # each round as it comes, lest a time limit lose them all
    for row in rows:
        print(f"{row['what']:24}{row['seconds']:8.2f} s")


if __name__ == "__main__":
    main()
