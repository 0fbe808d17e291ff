"""Gather the result.json files of runs into one list: ``python -m results.collect OUT.json RUNS…``; print a summary."""

from __future__ import annotations

import argparse
import json
import statistics
from collections import defaultdict
from pathlib import Path

from results.keep import result_of


def main(out: str, *folders: str) -> None:
    """Write the list; print mean ± sample standard deviation of the test error for each objective and technique."""
    files = sorted(path for folder in folders for path in Path(folder).rglob("result.json"))
    results = [result_of(path.parent) for path in files]
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    Path(out).write_text(json.dumps(results, indent=1) + "\n")
    groups = defaultdict(list)
    for result in results:
        groups[result["objective"], "+".join(result["tricks"]) or "none"].append(result)
    for (objective, tricks), runs in sorted(groups.items()):
        errors = [100 * run["test_error"] for run in runs]
        spread = f" ± {statistics.stdev(errors):.2f}" if len(errors) > 1 else ""
        values = ", ".join(f"{e:.1f}" for e in errors)
        seconds = statistics.median(run["seconds"] for run in runs)
        mean = f"{statistics.mean(errors):6.2f}{spread} %"
        print(f"{objective:15} {tricks:40} {mean}  n={len(errors)}  [{values}]  {seconds:.0f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", metavar="OUT.json", help="the list")
    parser.add_argument("folders", metavar="RUNS", nargs="+", help="folders with runs in them")
    arguments = parser.parse_args()
    main(arguments.out, *arguments.folders)
