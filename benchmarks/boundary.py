"""What a run does between iterations: a row of the log, an evaluation with samples, a checkpoint, an epoch's order.

python -m benchmarks.boundary                    # MNIST's network and sizes
python -m benchmarks.boundary digits
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L

from benchmarks.cases import CASES, train
from benchmarks.machine import device, write
from benchmarks.paired import synchronise

ITERATIONS = 300


class Stopwatch(L.Callback):
    """Times the parts by calling through."""

    def __init__(self) -> None:
        self.times: dict[str, list[float]] = defaultdict(list)
        self.last = 0.0

    def timed(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, which notes the time it takes."""

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            synchronise()
            begin = time.perf_counter()
            result = call(*args, **kwargs)
            synchronise()
            self.times[name].append(time.perf_counter() - begin)
            return result

        return wrapper

    def on_train_start(self, trainer: Any, module: Any) -> None:
        """Put the stopwatch around what is to be timed."""
        module._log_losses = self.timed("log row", module._log_losses)
        trainer.save_checkpoint = self.timed("checkpoint", trainer.save_checkpoint)
        trainer.fit_loop.epoch_loop.val_loop.run = self.timed(
            "evaluation and samples", trainer.fit_loop.epoch_loop.val_loop.run
        )
        stream = trainer.datamodule.train_dataloader()
        self.timed("order of an epoch", stream.epoch_order)(1)

    def on_train_batch_start(self, *_: Any) -> None:
        """Begin an iteration."""
        synchronise()
        self.last = time.perf_counter()

    def on_train_batch_end(self, *_: Any) -> None:
        """End it."""
        synchronise()
        self.times["iteration"].append(time.perf_counter() - self.last)


def main() -> None:
    """Print medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", nargs="?", default="mlp", choices=list(CASES))
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    watch = Stopwatch()
    often = [f"trainer.{name}_every={every}" for name, every in (("eval", 100), ("checkpoint", 50), ("log", 50))]
    with tempfile.TemporaryDirectory() as folder:
        options = [f"trainer.max_iterations={ITERATIONS}", *often, "trainer.test_curve=true"]
        train(CASES[arguments.case], Path(folder), options, device(), [watch])
    rows = [
        {"case": arguments.case, "what": name, "ms": 1e3 * statistics.median(times), "n": len(times)}
        for name, times in sorted(watch.times.items())
    ]
    for row in rows:
        print(f"{row['what']:24}{row['ms']:9.2f} ms   median of {row['n']}")
    write(arguments.json, rows)


if __name__ == "__main__":
    main()
