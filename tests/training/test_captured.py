"""A captured function gives what the function itself gives: here by a stand-in for the recorder, on a GPU by CUDA."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from lightning.pytorch.callbacks import Callback
from torch.torch_version import TorchVersion

import ssgan.module
from ssgan.errors import ConfigError
from ssgan.training.captured import Captured, record_cuda_graph
from tests.fake_data import write_arrays
from tests.runs import FURTHER, QUIET, TINY, TINY_CONV, TRICKS, chosen, compose_run, last_checkpoint, metric_rows, train
from tests.test_ensemble import far
from tests.training.recorded_operations import record_operations


def test_each_call_sees_its_own_arguments_and_goes_on_with_the_random_state() -> None:
    calls: list[torch.Tensor] = []

    def function(batch: dict[str, torch.Tensor], rng: torch.Generator) -> torch.Tensor:
        calls.append(batch["x"])
        return batch["x"] * 2 + torch.rand(3, generator=rng)

    rng, same = torch.Generator().manual_seed(0), torch.Generator().manual_seed(0)
    captured = Captured(lambda batch: function(batch, rng), [rng], warm_up=2, record=record_operations)
    outputs = []
    for i in range(6):
        x = torch.full((3,), float(i))
        outputs.append(captured({"x": x}))
        assert torch.equal(outputs[-1], x * 2 + torch.rand(3, generator=same))
    assert len(calls) == 3, "after two calls and the recording nothing is called again"
    assert outputs[2] is outputs[5], "and the same memory is written"


def test_what_waits_for_the_device_cannot_be_recorded() -> None:
    """The stand-in is as strict as CUDA."""
    ones = torch.ones(2)
    for waits in (lambda: ones.sum().item(), lambda: ones.nonzero(), lambda: ones[ones > 0], lambda: bool(ones[0] > 0)):
        with pytest.raises(AssertionError, match="waits for the device"):
            record_operations(waits, [])


@pytest.mark.parametrize(
    ("version", "registers"),
    [("2.9.1", True), ("2.11.0+cu130", True), ("2.13.2", True), ("2.14.0", False), ("3.0", False)],
)
def test_generators_are_registered_where_this_torch_needs_it(
    version: str, registers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Later it does nothing but warn, from C++, which Python cannot silence."""

    class Graph:
        registered: ClassVar[list[torch.Generator]] = []
        replay = None

        def register_generator_state(self, generator: torch.Generator) -> None:
            self.registered.append(generator)

    monkeypatch.setattr(torch, "__version__", TorchVersion(version))
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", nullcontext)
    generators = [torch.Generator(), torch.Generator()]
    _, outputs = record_cuda_graph(lambda: "computed", generators)
    assert outputs == "computed" and Graph.registered == (generators if registers else [])


OPTIONS = {
    "feature_matching": chosen("feature_matching"),
    "all": chosen(*TRICKS),
    "further": chosen("feature_matching", *FURTHER),
    "a companion, a rate of its own": [
        *chosen("feature_matching", "variational_entropy"),
        "optim.generator_lr_factor=0.5",
        "optim.flat=0",
        "optim.interval=iteration",
    ],
    "steps": [*chosen(*TRICKS), "objective.d_steps=2", "objective.g_steps=2", "optim.clip_norm=0.1", "optim.flat=0"],
    "ensemble": [*chosen(*TRICKS), "ensemble=2"],
    "a rising weight": [*chosen("consistency"), "trick.consistency.weight=100", "trick.consistency.ramp=1"],
}
LENGTH = ("optim.eps=1e-6", "logger=csv", "trainer.log_every=3", "trainer.max_iterations=12")
SHORT = (*TINY, *LENGTH)


@pytest.fixture
def graphs_on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ssgan.run.check_cuda_graphs", lambda wanted, accelerator: None)
    monkeypatch.setattr(ssgan.module, "Captured", partial(Captured, record=record_operations))


@pytest.mark.parametrize("name", OPTIONS)
def test_a_run_with_graphs_is_the_run_without(name: str, tmp_path: Path, graphs_on_a_cpu: None) -> None:
    for folder, graphs in (("with", "true"), ("without", "false")):
        result = train(tmp_path / folder, *SHORT, *OPTIONS[name], f"trainer.cuda_graphs={graphs}")
        assert result["iterations"] == 12
    found, expected = (last_checkpoint(tmp_path / folder) for folder in ("with", "without"))
    assert far(found["state_dict"], expected["state_dict"]) < 1e-5
    assert torch.equal(found["ssgan"]["rng_state"], expected["ssgan"]["rng_state"])
    for a, b in zip(*(metric_rows(tmp_path / folder) for folder in ("with", "without")), strict=True):
        assert a == pytest.approx(b, rel=1e-4)


@pytest.mark.parametrize("parts", [("true", "true"), ("true", "false"), ("false", "true")], ids="-".join)
def test_a_resumed_run_may_change_between_both(parts: tuple[str, str], tmp_path: Path, graphs_on_a_cpu: None) -> None:
    options = (*SHORT, "optim.flat=1")
    train(tmp_path / "parts", *options, f"trainer.cuda_graphs={parts[0]}", "trainer.max_iterations=5")
    resume = f"ckpt_path={tmp_path / 'parts' / 'checkpoints' / 'last.ckpt'}"
    train(tmp_path / "parts", *options, f"trainer.cuda_graphs={parts[1]}", resume)
    train(tmp_path / "whole", *options)
    states = [last_checkpoint(tmp_path / folder) for folder in ("parts", "whole")]
    assert far(*(state["state_dict"] for state in states)) < 1e-5
    assert states[0]["global_step"] == states[1]["global_step"] == 12


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ("trainer.precision=16-mixed", "does not go with trainer.precision=16-mixed"),
        ("trainer.devices=2", "takes one device"),
        ("trainer.devices=[0,1]", "takes one device"),
        ("trainer.devices=null", "takes one device"),
        ("trainer.num_nodes=2", "takes one device"),
        ("trainer.strategy=ddp", "takes one device and trainer.strategy=auto"),
        ("+trainer.lightning.detect_anomaly=true", "does not go with trainer.lightning.detect_anomaly=true"),
    ],
)
def test_what_graphs_do_not_go_with(other: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        compose_run(tmp_path, "trainer.cuda_graphs=true", other)


def conv_on(folder: Path) -> tuple[str, ...]:
    """A run of the convolutional networks, on images that it writes."""
    write_arrays(folder / "images.npz")
    data = ("data=arrays", f"data.path='{folder / 'images.npz'}'", "data.num_labels=40", "data.augment.shift=1")
    return (*QUIET, *data, "model=conv", *TINY_CONV, *chosen("feature_matching"), *LENGTH)


def test_a_convolutional_run_with_graphs_too(tmp_path: Path, graphs_on_a_cpu: None) -> None:
    short = conv_on(tmp_path)
    states = []
    for folder, graphs in (("with", "true"), ("without", "false")):
        train(tmp_path / folder, *short, f"trainer.cuda_graphs={graphs}")
        states.append(last_checkpoint(tmp_path / folder)["state_dict"])
    assert far(*states) < 1e-5


@pytest.mark.parametrize("devices", ["1", "'1'", "[3]"])
def test_one_device_may_have_any_number(devices: str, tmp_path: Path) -> None:
    assert compose_run(tmp_path, "trainer.cuda_graphs=true", f"trainer.devices={devices}").trainer.cuda_graphs


ON_A_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs need an NVIDIA GPU")


class NothingWaits(Callback):
    """Between two rows of the log nothing may wait for the device."""

    def on_train_batch_end(self, trainer, *_) -> None:
        if trainer.global_step in (10, 40):
            torch.cuda.set_sync_debug_mode("error" if trainer.global_step == 10 else "default")

    def on_exception(self, *_) -> None:
        torch.cuda.set_sync_debug_mode("default")


@ON_A_GPU
@pytest.mark.parametrize("graphs", ["true", "false"])
@pytest.mark.parametrize("name", OPTIONS)
def test_on_a_gpu_nothing_waits_for_the_device(name: str, graphs: str, tmp_path: Path) -> None:
    rows = ("trainer.log_every=50", "trainer.eval_every=50", "trainer.checkpoint_every=50", "trainer.max_iterations=50")
    train(
        tmp_path, *SHORT, *OPTIONS[name], "trainer=gpu", *rows, f"trainer.cuda_graphs={graphs}",
        callbacks=[NothingWaits()],
    )  # fmt: skip


@ON_A_GPU
@pytest.mark.parametrize("after", ["true", "false"])
def test_on_a_gpu_a_run_with_graphs_is_resumed(after: str, tmp_path: Path) -> None:
    short = (*SHORT, "trainer=gpu", "trainer.deterministic=true")
    train(tmp_path / "parts", *short, "trainer.cuda_graphs=true", "trainer.max_iterations=5")
    last = f"ckpt_path={tmp_path / 'parts' / 'checkpoints' / 'last.ckpt'}"
    train(tmp_path / "parts", *short, f"trainer.cuda_graphs={after}", "trainer.max_iterations=12", last)
    train(tmp_path / "whole", *short, "trainer.cuda_graphs=true", "trainer.max_iterations=12")
    parts, whole = (last_checkpoint(tmp_path / name) for name in ("parts", "whole"))
    assert far(parts["state_dict"], whole["state_dict"]) < 1e-4
    assert torch.equal(parts["ssgan"]["rng_state"], whole["ssgan"]["rng_state"])


@ON_A_GPU
@pytest.mark.parametrize("precision", ["32", "bf16-mixed"])
@pytest.mark.parametrize("name", [*OPTIONS, "conv"])
def test_on_a_gpu_a_run_with_graphs_is_the_run_without(name: str, precision: str, tmp_path: Path) -> None:
    short = (*(conv_on(tmp_path) if name == "conv" else (*SHORT, *OPTIONS[name])), "trainer=gpu")
    short = (*short, f"trainer.precision={precision}", "trainer.deterministic=true")
    for folder, graphs in (("with", "true"), ("without", "false")):
        train(tmp_path / folder, *short, f"trainer.cuda_graphs={graphs}")
    found, expected = (last_checkpoint(tmp_path / folder) for folder in ("with", "without"))
    assert far(found["state_dict"], expected["state_dict"]) < (1e-4 if precision == "32" else 0.05)
    assert torch.equal(found["ssgan"]["rng_state"], expected["ssgan"]["rng_state"])


def test_what_comes_and_goes_is_not_recorded() -> None:
    calls: list[int] = []

    def function(x: torch.Tensor) -> tuple[list[str], torch.Tensor]:
        calls.append(1)
        return ["d_a", *(["d_lazy"] if len(calls) % 3 == 0 else [])], x + 1

    captured = Captured(function, [], warm_up=2, record=record_operations)
    for _ in range(2):
        captured(torch.ones(2))
    with pytest.raises(ConfigError, match="but d_lazy is not there in each iteration"):
        captured(torch.ones(2))
