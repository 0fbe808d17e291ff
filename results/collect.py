"""Gather the result.json files of runs into one list: ``python -m results.collect OUT.json RUNS…``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from results.keep import result_of


def main(out: str, *folders: str) -> None:
    """Write the list; ``ssgan.report`` summarises runs."""
    files = sorted(path for folder in folders for path in Path(folder).rglob("result.json"))
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    Path(out).write_text(json.dumps([result_of(path.parent) for path in files], indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", metavar="OUT.json", help="the list")
    parser.add_argument("folders", metavar="RUNS", nargs="+", help="folders with runs in them")
    arguments = parser.parse_args()
    main(arguments.out, *arguments.folders)
