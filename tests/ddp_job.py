"""One of several processes, each of which runs this: the same runs one after the other, as DDP or alone.

python -m tests.ddp_job FOLDER OVERRIDES.json    (torchrun's environment variables say how many processes there are)
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from tests.runs import train


def main() -> None:
    """Run every list of overrides in a folder of its own, named by its key."""
    folder, runs = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    trainer = ["trainer=cpu"]
    if processes > 1:
        trainer = ["trainer=ddp", "trainer.accelerator=cpu", f"trainer.devices={processes}"]
    for name, overrides in runs.items():
        train(folder / name, *overrides, *trainer)


if __name__ == "__main__":
    main()
