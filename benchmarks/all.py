"""Every measurement, one after the other, each in a process of its own and within a time limit.

python -m benchmarks.all --json benchmarks/results/machine.json      # limited to 9 minutes with a GPU

A part that fails or takes too long is named, and the others go on; the exit status is then 1.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import describe, device

#: What makes an iteration faster on a GPU alone.
GRAPHS = "--options trainer.cuda_graphs=true trainer.iterations_per_batch=10"

#: Seconds for all parts together with a GPU, and without.
LIMITS = {"cuda": 540.0, "cpu": math.inf}

#: Module and arguments of each part and its limit in seconds, what is wanted most first.
MEASUREMENTS = {
    "cuda": (
        ("step mlp digits --limit 60", 140),
        ("step conv_cifar10 conv_svhn --limit 60", 130),
        (f"ensemble mlp {GRAPHS}", 50),
        (f"ensemble mnist_100_best --blocks 3 {GRAPHS}", 70),
        ("ensemble mlp", 40),
        ("boundary mlp", 30),
        ("profile mlp", 45),
        (f"memory conv_cifar10 --iterations 10 {GRAPHS}", 30),
        ("memory", 60),
        ("startup --rounds 2", 40),
        ("sweep --iterations 300", 50),
    ),
    "cpu": (
        ("step mlp digits --limit 120", 520),
        ("step conv_svhn conv_cifar10 --limit 300", 1200),
        ("profile mlp", 120),
        ("ensemble mlp", 160),
        ("boundary mlp", 120),
        ("startup --rounds 2", 160),
        ("memory", 240),
        ("sweep --iterations 300", 200),
    ),
}


def measure(part: str, limit: float) -> dict[str, Any]:
    """What a part wrote, or why it wrote nothing."""
    module, *arguments = part.split()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "part.json"
        command = [sys.executable, "-m", f"benchmarks.{module}", *arguments, "--json", str(path)]
        process = subprocess.Popen(command, start_new_session=True)
        try:
            status = process.wait(limit)
            error = f"exit status {status}" if status else None
        except subprocess.TimeoutExpired:
            error = f"more than {limit:.0f} s"
            os.killpg(process.pid, signal.SIGKILL)  # with the processes that it has started
            process.wait()
        rows = json.loads(path.read_text())["rows"] if path.exists() else []
    return {"rows": rows, "error": error, "seconds": round(time.monotonic() - begin, 1)}


def main() -> None:
    """Measure, print, write; leave with 1 if a part failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--patience", type=float, default=1.0, help="factor of the time limits")
    arguments = parser.parse_args()
    end = time.monotonic() + LIMITS[device()] * arguments.patience
    result: dict[str, Any] = {"machine": describe(), "parts": {}}
    for part, limit in MEASUREMENTS[device()]:
        print(f"\n# python -m benchmarks.{part}", flush=True)
        seconds = min(limit * arguments.patience, end - time.monotonic())
        result["parts"][part] = (
            measure(part, seconds) if seconds > 0 else {"rows": [], "error": "no time left", "seconds": 0.0}
        )
        if arguments.json:
            arguments.json.parent.mkdir(parents=True, exist_ok=True)
            arguments.json.write_text(json.dumps(result, indent=2) + "\n")
    failed = {part: outcome["error"] for part, outcome in result["parts"].items() if outcome["error"]}
    for part, error in failed.items():
        print(f"FAILED: {part}: {error}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
