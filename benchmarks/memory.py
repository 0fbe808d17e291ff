"""The most memory that a training run takes: of the process, and on the GPU.

python -m benchmarks.memory                      # every network
python -m benchmarks.memory mlp --options trainer.precision=bf16-mixed
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.machine import device, write


def peak(case: str, options: list[str], iterations: int) -> dict[str, Any]:
    """In MB, of a run of this process."""
    import torch

    from benchmarks.cases import CASES, train

    with tempfile.TemporaryDirectory() as folder:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        train(CASES[case], Path(folder), [f"trainer.max_iterations={iterations}", *options], device())
    process = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Reserved, for what a CUDA graph holds counts as free.
    gpu = torch.cuda.max_memory_reserved() / 2**20 if device() == "cuda" else None
    return {
        "case": case,
        "options": options,
        "libraries_mb": before / 1024,
        "process_mb": process / 1024,
        "gpu_mb": gpu,
    }


def main() -> None:
    """Print a table, each run in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", default=["digits", "mlp", "conv_svhn", "conv_cifar10"])
    parser.add_argument("--options", nargs="*", default=[])
    parser.add_argument("--iterations", type=int, default=4)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--here", action="store_true", help="measure the one case in this process; print it as JSON")
    arguments = parser.parse_args()
    if arguments.here:
        print(json.dumps(peak(arguments.cases[0], arguments.options, arguments.iterations)))
        return
    rows = []
    for case in arguments.cases:
        here = ["-m", "benchmarks.memory", case, "--here", "--iterations", str(arguments.iterations)]
        done = subprocess.run(
            [sys.executable, *here, "--options", *arguments.options], stdout=subprocess.PIPE, text=True, check=True
        )
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        gpu = f", on the GPU {rows[-1]['gpu_mb']:.0f} MB" if rows[-1]["gpu_mb"] is not None else ""
        print(
            f"{case:14}{rows[-1]['process_mb']:8.0f} MB, libraries {rows[-1]['libraries_mb']:.0f} MB{gpu}", flush=True
        )
        write(arguments.json, rows)  # each as it comes, lest a time limit lose them all


if __name__ == "__main__":
    main()
