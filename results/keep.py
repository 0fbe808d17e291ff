"""Keep what a finished run says of itself: ``python results/keep.py RUN FOLDER``.

Copied are ``result.json``, without this machine's paths, ``metrics.csv`` and the last samples.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

PATHS = ("data.root=", "data.path=", "hydra.run.dir=", "ckpt_path=")


def main(run: str, folder: str) -> None:
    """Copy a run's result, curves and samples."""
    source, target = Path(run), Path(folder)
    result = json.loads((source / "result.json").read_text().replace(str(source.resolve()), "."))
    result["overrides"] = [override for override in result["overrides"] if not override.startswith(PATHS)]
    data = result["config"]["data"]
    data.update({key: None for key in data if key in ("root", "path")})
    target.mkdir(parents=True, exist_ok=True)
    (target / "result.json").write_text(json.dumps(result, indent=2) + "\n")
    shutil.copy(source / "metrics.csv", target)
    pictures = sorted((source / "samples").glob("*.png"))
    if pictures:
        shutil.copy(pictures[-1], target / "samples.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
