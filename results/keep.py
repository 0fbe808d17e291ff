"""Keep what a finished run says of itself: ``python -m results.keep RUN FOLDER``.

Copied are ``result.json``, without this machine's paths, ``metrics.csv``, the last samples and, if ``ssgan.evaluate
RUN`` has left them, the probabilities of the test images, rounded to four decimals.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

PATHS = ("data.root=", "data.path=", "hydra.run.dir=", "ckpt_path=")


def result_of(run: Path) -> dict[str, Any]:
    """A run's result without the machine's paths."""
    result: dict[str, Any] = json.loads((run / "result.json").read_text().replace(str(run.resolve()), "."))
    result["overrides"] = [override for override in result["overrides"] if not override.startswith(PATHS)]
    data = result["config"]["data"]
    data.update({key: None for key in data if key in ("root", "path")})
    return result


def main(run: str, folder: str) -> None:
    """Copy a run's result, curves and samples."""
    source, target = Path(run), Path(folder)
    result = result_of(source)
    target.mkdir(parents=True, exist_ok=True)
    (target / "result.json").write_text(json.dumps(result, indent=2) + "\n")
    shutil.copy(source / "metrics.csv", target)
    pictures = sorted((source / "samples").glob("*.png"))
    if pictures:
        shutil.copy(pictures[-1], target / "samples.png")
    if (evaluated := source / "evaluation" / "probabilities.npz").is_file():
        kept = dict(np.load(evaluated))
        kept["probabilities"] = kept["probabilities"].round(4).astype(np.float16)
        np.savez_compressed(target / "probabilities.npz", **kept)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", metavar="RUN", help="a finished run's folder")
    parser.add_argument("folder", metavar="FOLDER", help="where to")
    arguments = parser.parse_args()
    if not Path(arguments.run, "result.json").is_file():
        parser.error(f"{arguments.run} holds no result.json")
    main(arguments.run, arguments.folder)
