"""What the machine is, and what cannot run on it."""

from __future__ import annotations

import functools
import platform
from pathlib import Path

import torch

from ssgan.errors import ConfigError


def check_accelerator(accelerator: str) -> None:
    """Refuse a GPU where PyTorch finds none.

    Raises:
        ConfigError: says what to do.
    """
    if accelerator in ("gpu", "cuda", "mps") and not torch.accelerator.is_available():
        raise ConfigError(
            f"trainer.accelerator={accelerator}: PyTorch {torch.__version__} finds no GPU here; use trainer=cpu, or see"
            " to its driver"
        )


def check_cuda_graphs(wanted: bool, accelerator: str) -> None:
    """Refuse CUDA graphs where there is no CUDA.

    Raises:
        ConfigError: for a run that will not be on an NVIDIA GPU.
    """
    if wanted and (accelerator not in ("auto", "gpu", "cuda") or not torch.cuda.is_available()):
        raise ConfigError("trainer.cuda_graphs=true needs an NVIDIA GPU; leave it out")


def describe_hardware(device: torch.device) -> str:
    """Name of the processor or GPU; of a processor also the instructions, by which its rounding differs."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{processor_name()}, {torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads"


@functools.cache
def processor_name() -> str:
    """What the processor calls itself, and on Linux its number of cores."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        models = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        if models:
            return f"{models[0]}, {len(models)} cores"
    return platform.processor() or platform.machine()
