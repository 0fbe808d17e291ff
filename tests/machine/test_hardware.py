"""What the machine is called, and what cannot run on it."""

from __future__ import annotations

import pytest
import torch

from ssgan.errors import ConfigError
from ssgan.machine.hardware import check_accelerator, check_cuda_graphs, describe_hardware


def test_the_processor_has_a_name():
    assert describe_hardware(torch.device("cpu")).endswith(
        f"{torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads"
    )


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    for accelerator in ("gpu", "cuda", "mps"):
        with pytest.raises(
            ConfigError, match=f"trainer.accelerator={accelerator}: .* finds no GPU here; use trainer=cpu"
        ):
            check_accelerator(accelerator)
    for accelerator in ("cpu", "auto"):
        check_accelerator(accelerator)
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    check_accelerator("gpu")


@pytest.mark.parametrize(
    ("accelerator", "cuda", "accepted"),
    [("auto", True, True), ("gpu", True, True), ("cuda", True, True), ("cpu", True, False), ("mps", True, False),
     ("auto", False, False), ("gpu", False, False)],
)  # fmt: skip
def test_cuda_graphs_need_cuda(accelerator: str, cuda: bool, accepted: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    check_cuda_graphs(False, accelerator)
    if accepted:
        check_cuda_graphs(True, accelerator)
        return
    with pytest.raises(ConfigError, match=r"trainer\.cuda_graphs=true needs an NVIDIA GPU"):
        check_cuda_graphs(True, accelerator)
