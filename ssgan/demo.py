"""The one-minute demonstration: a semi-supervised GAN against the same network trained on the labels alone.

make demo            # or: python -m ssgan.demo [overrides for both runs]
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ssgan.commands.flags import Parser, command
from ssgan.typed_overrides import override

#: One thread: so small networks are as fast on it, and much faster beside other work.
OVERRIDES = ["trainer.threads=1"]

RUNS = {"semi-supervised GAN": "semi_supervised", "labels alone": "supervised"}


@command
def main() -> None:
    """Train both, one after the other, by the commands that a user would type, and print what came of it."""
    parser = Parser("demo", __doc__)
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="as of ssgan.train, for both runs")
    given = parser.parse_args().overrides
    folder = Path("outputs", "demo", f"{datetime.now():%Y-%m-%d_%H-%M-%S}").absolute()
    results = {name: train([*OVERRIDES, *given, f"objective={o}"], folder / o) for name, o in RUNS.items()}
    show(results, folder)


def train(overrides: list[str], run_dir: Path) -> dict[str, Any]:
    """One training run; its ``result.json``. Ends the program with the run's status if it fails.

    Ctrl-C, which a terminal gives to both processes, is left to the run, that it may write its checkpoint.
    """
    arguments = ["-m", "ssgan.train", *overrides]
    print(f"\n$ python {shlex.join(arguments)}", flush=True)
    process = subprocess.Popen([sys.executable, *arguments, override("hydra.run.dir", str(run_dir))])
    try:
        status = process.wait()
    except KeyboardInterrupt:
        process.wait()
        raise
    if status:
        sys.exit(status)
    return json.loads((run_dir / "result.json").read_text())


def show(results: dict[str, dict[str, Any]], folder: Path) -> None:
    """Print both test errors side by side, and where the rest is."""
    first = next(iter(results.values()))
    table = Table("", "test error", "errors", "seconds", box=None, title_justify="left")
    table.title = f"{first['data']}: the same network, the same {first['num_labels']} labels"
    for name, result in results.items():
        errors = f"{result['test_errors']} of {result['test_size']}"
        table.add_row(name, f"{result['test_error']:.1%}", errors, f"{result['seconds']:.0f}")
    console = Console(soft_wrap=True)
    console.print()
    console.print(table)
    console.print(f"\nfolder   {folder}")
    for samples in sorted((folder / "semi_supervised" / "samples").glob("*.png"))[-1:]:
        console.print(f"samples  {samples}")


if __name__ == "__main__":
    main()
