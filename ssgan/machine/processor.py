"""How a run uses the processor: its threads, and the memory it has freed."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

#: Of glibc's ``mallopt``: how much free memory goes back to the system, and how large blocks do at once.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3


@contextmanager
def prepared_processor(threads: int | None) -> Iterator[None]:
    """Use ``threads`` threads meanwhile, unless it is None, and let an iteration reuse the memory of the last one."""
    before, variable = torch.get_num_threads(), os.environ.get("OMP_NUM_THREADS")
    if threads is not None:
        torch.set_num_threads(threads)
        os.environ["OMP_NUM_THREADS"] = str(threads)  # where it is not set Lightning shares the cores among processes
    keep_freed_memory()
    # trainer.deterministic needs it, and cuBLAS reads it once in a process, of which this run may not be the last.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if not torch.accelerator.is_available():
        # Lightning sets it so that looking for GPUs leaves the process free to fork; every step of Adam looks for them,
        # and would load NVIDIA's library each time.
        os.environ.pop("PYTORCH_NVML_BASED_CUDA_CHECK", None)
    try:
        yield
    finally:  # the next run of the process may ask for another number, or for none
        torch.set_num_threads(before)
        os.environ.pop("OMP_NUM_THREADS", None)
        if variable is not None:
            os.environ["OMP_NUM_THREADS"] = variable


def keep_freed_memory() -> None:
    """Have glibc keep freed blocks of up to 32 MB: the system would hand each one out anew, page by page."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, 2**25)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
