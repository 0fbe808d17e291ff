"""One of several processes, each of which runs this: the same runs one after the other, as DDP or alone.

python -m tests.ddp_job FOLDER OVERRIDES.json

torchrun's environment variables say how many processes there are. Everything that is float32 otherwise is computed in
float64: in float32 an activation within rounding of 0 may fall to either side of a ReLU's kink, and what follows
differs by far more than rounding, on one kind of processor in this run and on another in that.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import torch

from ssgan.layers import PixelScale
from tests.runs import train


def compute_in_float64() -> None:
    """Let this process compute in float64, also where the package asks for float32."""
    torch.set_default_dtype(torch.float64)
    scale = PixelScale.forward
    torch.Tensor.float = torch.Tensor.double  # type: ignore[method-assign, assignment]
    PixelScale.forward = lambda self, pixels: scale(self, pixels).double()  # type: ignore[method-assign]


def main() -> None:
    """Run every list of overrides in a folder of its own, named by its key."""
    folder, runs = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
    compute_in_float64()
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    trainer = ["trainer=cpu"]
    if processes > 1:
        trainer = ["trainer=ddp", "trainer.accelerator=cpu", f"trainer.devices={processes}"]
    for name, overrides in runs.items():
        train(folder / name, *overrides, *trainer)


if __name__ == "__main__":
    main()
