"""On what a measurement was made, and how it is kept."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any


def device() -> str:
    """``cuda`` if there is a GPU, else ``cpu``."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def describe() -> dict[str, Any]:
    """Hardware, threads and versions."""
    import torch

    import ssgan
    from ssgan.machine.hardware import describe_hardware

    return {
        "device": describe_hardware(torch.device(device())),
        "cpu": describe_hardware(torch.device("cpu")),
        "threads": torch.get_num_threads(),
        "cuda": torch.version.cuda if device() == "cuda" else None,
        "python": platform.python_version(),
        "ssgan": ssgan.__version__,
        **{name: version(name) for name in ("torch", "lightning")},
    }


def write(path: Path | None, rows: list[dict[str, Any]]) -> None:
    """Write rows and the machine as JSON, if there is a path."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"machine": describe(), "rows": rows}, indent=2) + "\n")
