"""The time a report takes, from made-up runs.

python -m benchmarks.report 1000
"""

from __future__ import annotations

import csv
import itertools
import json
import random
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

TRICKS = ("feature_matching", "historical_averaging", "label_smoothing", "minibatch_discrimination")


def make_run(folder: Path, tricks: tuple[str, ...], seed: int, num_labels: int, rng: random.Random) -> None:
    """A run's folder with the files that a report reads: result, 250 rows of metrics, a grid of samples."""
    (folder / "samples").mkdir(parents=True)
    error = rng.uniform(0.02, 0.2)
    config = {
        "data": {"num_labels": num_labels, "seed": seed, "batch_size": 100},
        "trick": {name: {"_target_": name} for name in tricks},
        "objective": {"unlabelled_weight": 1.0},
        "optim": {"lr": 3e-3},
        "seed": seed,
    }
    result = {"test_error": error, "test_errors": round(1e4 * error), "test_size": 10000, "num_labels": num_labels}
    result |= {"seed": seed, "data_seed": seed, "data": "made_up", "objective": "semi_supervised"}
    result |= {"tricks": list(tricks), "iterations": 12000, "seconds": rng.uniform(50, 60), "config": config}
    result |= {"iterations_per_second": 200.0, "hardware": "none", "versions": {"torch": "2"}}
    (folder / "result.json").write_text(json.dumps(result))
    with (folder / "metrics.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["step", "train/d_loss", "train/g_loss", "test/error"])
        for step in range(48, 12001, 48):
            writer.writerow([step, rng.random(), rng.random(), error + 1 / step if step % 480 == 0 else ""])
    Image.effect_noise((101, 101), 50).resize((302, 302), Image.Resampling.NEAREST).save(
        folder / "samples" / "0012000.png"
    )


def main(count: int) -> None:
    """Make the runs, report them, print the seconds."""
    from ssgan.reporting.groups import group
    from ssgan.reporting.report import write_report
    from ssgan.reporting.runs import find_runs

    rng = random.Random(0)
    sets = [s for n in range(len(TRICKS) + 1) for s in itertools.combinations(TRICKS, n)]
    with tempfile.TemporaryDirectory() as place:
        cells = itertools.cycle(itertools.product(sets, (20, 50, 100, 200)))
        for i, (tricks, labels) in enumerate(itertools.islice(cells, count)):
            seed = i // (4 * len(sets)) + 1
            make_run(Path(place, "runs", "+".join(tricks) + f"__{labels}__{seed}"), tricks, seed, labels, rng)
        begin = time.perf_counter()
        runs, incomplete = find_runs([Path(place, "runs")])
        sections = group(runs)
        write_report(Path(place, "report"), "made up", sections, incomplete)
        print(f"{len(runs)} runs in {len(sections)} sections: {time.perf_counter() - begin:.1f} s")
        print(f"page of {Path(place, 'report', 'index.html').stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
