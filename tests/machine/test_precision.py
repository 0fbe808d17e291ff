"""Mixed precision: refused where the hardware lacks it, finite where it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.plugins import MixedPrecision

import ssgan.machine.precision
from ssgan.errors import ConfigError
from ssgan.machine.precision import (
    MANY_PARAMETERS,
    check_precision,
    cpu_gains_by_onednn,
    cpu_has_bf16,
    cpu_rounds_products,
    exact_products,
    products_are_rounded,
    set_matmul_precision,
)
from tests.runs import FURTHER, TINY, TRICKS, assert_equal, chosen, last_checkpoint, train


def machine(monkeypatch: pytest.MonkeyPatch, gpu: bool, bf16: bool) -> None:
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: gpu)
    monkeypatch.setattr(ssgan.machine.precision, "cpu_has_bf16", lambda: bf16)
    monkeypatch.setattr(ssgan.machine.precision, "cpu_rounds_products", lambda: bf16)


@pytest.mark.parametrize(
    ("precision", "accelerator", "gpu", "bf16", "accepted"),
    [
        ("32", "cpu", False, False, True),
        ("32", "auto", True, False, True),
        ("bf16-mixed", "cpu", False, True, True),
        ("bf16-mixed", "cpu", False, False, False),
        ("bf16-mixed", "cpu", True, False, False),
        ("bf16-mixed", "auto", False, False, False),
        ("bf16-mixed", "auto", True, False, True),
        ("bf16-mixed", "gpu", True, False, True),
        ("16-mixed", "cpu", True, True, False),
        ("16-mixed", "auto", False, True, False),
        ("16-mixed", "auto", True, False, True),
    ],
)
def test_a_precision_that_the_hardware_lacks_is_refused(precision, accelerator, gpu, bf16, accepted, monkeypatch):
    machine(monkeypatch, gpu, bf16)
    if accepted:
        check_precision(precision, "highest", accelerator)
        return
    with pytest.raises(ConfigError) as error:
        check_precision(precision, "highest", accelerator)
    message = str(error.value)
    assert f"trainer.precision={precision}" in message and "32" in message and "\n" not in message


@pytest.mark.parametrize(("gpu", "bf16"), [(False, False), (False, True), (True, False)])
def test_rounding_that_a_cpu_does_not_do_is_refused(gpu: bool, bf16: bool, monkeypatch: pytest.MonkeyPatch):
    machine(monkeypatch, gpu, bf16)
    check_precision("32", "high", "auto")
    if gpu or bf16:
        check_precision("32", "medium", "auto")
        return
    with pytest.raises(ConfigError, match=r"trainer\.matmul_precision=medium: this CPU .*; use .*=highest or a GPU"):
        check_precision("32", "medium", "auto")


@pytest.mark.parametrize(
    ("capabilities", "has", "rounds"),
    [
        ({}, False, False),
        ({"avx512_bf16": False, "amx_bf16": False, "avx2": True}, False, False),
        ({"avx512_bf16": True}, True, False),
        ({"avx512_bf16": True, "amx_bf16": True}, True, True),
        ({"arm_bf16": True}, True, True),
    ],
)
def test_a_cpus_bfloat16_units_are_known(capabilities: dict, has: bool, rounds: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert (cpu_has_bf16(), cpu_rounds_products()) == (has, rounds)


def product_errors() -> tuple[float, float]:
    """The largest errors of a float32 matrix product and of a convolution."""
    a = torch.randn(512, 512, generator=torch.Generator().manual_seed(0))
    kernel = torch.randn(32, 64, 3, 3, generator=torch.Generator().manual_seed(0))
    x = torch.randn(4, 64, 9, 9, generator=torch.Generator().manual_seed(1))
    convolve = torch.nn.functional.conv2d
    pairs = ((a @ a, a.double() @ a.double()), (convolve(x, kernel), convolve(x.double(), kernel.double())))
    matrix, convolution = ((found.double() - exact).abs().max().item() for found, exact in pairs)
    return matrix, convolution


def test_products_are_rounded_on_the_cpus_of_which_it_is_said():
    """What the refusal of trainer.matmul_precision=medium rests on, on whatever CPU this is."""
    try:
        set_matmul_precision("medium")
        assert [error > 1e-2 for error in product_errors()] == [cpu_rounds_products()] * 2
    finally:
        set_matmul_precision("highest")


@pytest.mark.parametrize(
    ("name", "instructions", "gpu", "rounds", "gains"),
    [
        ("AMD EPYC, 2 cores", "AVX512", False, False, True),
        ("AMD EPYC, 2 cores", "AVX2", False, False, False),
        ("AMD EPYC, 2 cores", "AVX512", True, False, False),
        ("AMD EPYC, 2 cores", "AVX512", False, True, False),
        ("Intel(R) Xeon(R) Processor, 2 cores", "AVX512", False, False, False),
        ("arm64", "DEFAULT", False, False, False),
    ],
)
def test_onednn_multiplies_for_amds_processors_alone(name, instructions, gpu, rounds, gains, monkeypatch):
    machine(monkeypatch, gpu, rounds)
    monkeypatch.setattr(ssgan.machine.precision, "processor_name", lambda: name)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: instructions)
    assert cpu_gains_by_onednn() is gains
    asked: list[str] = []
    monkeypatch.setattr(torch, "set_float32_matmul_precision", asked.append)
    for precision in ("highest", "high"):
        set_matmul_precision(precision, MANY_PARAMETERS)
        set_matmul_precision(precision, MANY_PARAMETERS - 1)
    assert asked == (["medium", "highest", "medium", "high"] if gains else ["highest", "highest", "high", "high"])


def test_products_are_exact_unless_asked_otherwise():
    """What leaving products to oneDNN rests on, on whatever CPU this is: it may round, and does not."""
    try:
        set_matmul_precision("highest", MANY_PARAMETERS)
        assert max(product_errors()) < 1e-3
        assert not products_are_rounded(torch.device("cpu"))
        before = torch.get_float32_matmul_precision()
        with exact_products():
            assert torch.get_float32_matmul_precision() == before
    finally:
        set_matmul_precision("highest")


@pytest.mark.parametrize(("hidden", "expected"), [([20], "highest"), ([1000, 1000], "medium")])
def test_a_run_leaves_the_products_of_large_networks_to_onednn(hidden, expected, tmp_path, monkeypatch):
    monkeypatch.setattr(ssgan.machine.precision, "cpu_gains_by_onednn", lambda: True)
    monkeypatch.setattr(ssgan.machine.precision, "cpu_rounds_products", lambda: False)
    asked: list[str] = []
    monkeypatch.setattr(torch, "set_float32_matmul_precision", asked.append)
    train(tmp_path, *TINY, f"model.discriminator_hidden={hidden}", "trainer.max_iterations=1", "logger=none")
    assert asked[-1] == expected


@pytest.mark.parametrize("precision", ["highest", "high", "medium"])
def test_rounded_products_train_nearly_the_same_and_do_not_reach_the_next_run(precision: str, tmp_path: Path):
    if precision == "medium" and not cpu_rounds_products():
        pytest.skip("this CPU has neither AMX nor Arm's BF16")
    short = (*TINY, *chosen("feature_matching"), "trainer.max_iterations=2", "logger=none")
    try:
        train(tmp_path / "rounded", *short, f"trainer.matmul_precision={precision}")
        assert torch.get_float32_matmul_precision() == precision
        assert [error > 1e-2 for error in product_errors()] == [precision == "medium"] * 2
    finally:
        train(tmp_path / "exact", *short)
    assert torch.get_float32_matmul_precision() == "highest"
    assert max(product_errors()) < 1e-3
    found, expected = (last_checkpoint(tmp_path / name)["ssgan"]["history"]["rows"] for name in ("rounded", "exact"))
    torch.testing.assert_close(found[0], expected[0], rtol=0.1, atol=0.02)


@pytest.mark.parametrize(
    ("device", "precision", "tf32", "rounded"),
    [
        ("cpu", "highest", True, False),
        ("cpu", "high", True, False),
        ("cpu", "medium", True, True),
        ("cuda", "highest", True, True),
        ("cuda", "highest", False, False),
        ("cuda", "high", False, True),
    ],
)
def test_where_products_are_rounded_is_known_and_can_be_prevented(device, precision, tf32, rounded, monkeypatch):
    machine(monkeypatch, gpu=False, bf16=True)
    try:
        set_matmul_precision(precision)
        torch.backends.cudnn.allow_tf32 = tf32
        assert products_are_rounded(torch.device(device)) == rounded
        with exact_products():
            assert not products_are_rounded(torch.device(device))
            assert max(product_errors()) < 1e-3
        assert products_are_rounded(torch.device(device)) == rounded
    finally:
        set_matmul_precision("highest")
        torch.backends.cudnn.allow_tf32 = True


def test_a_run_is_refused_before_the_data_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    machine(monkeypatch, gpu=False, bf16=False)
    monkeypatch.setattr("ssgan.data.Digits.load", lambda self: pytest.fail("the data was read"))
    for precision in ("bf16-mixed", "16-mixed"):
        with pytest.raises(ConfigError, match=f"trainer.precision={precision}"):
            train(tmp_path, *TINY, f"trainer.precision={precision}")


@pytest.mark.parametrize(
    "tricks",
    [(), ("feature_matching",), TRICKS, ("feature_matching", *FURTHER)],
    ids=["none", "feature_matching", "all", "further"],
)
def test_bfloat16_trains_with_weights_and_losses_in_float32(tricks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    machine(monkeypatch, gpu=False, bf16=True)
    short = (*TINY, *chosen(*tricks), "trainer.max_iterations=2")
    result = train(tmp_path / "bf16", *short, "trainer.precision=bf16-mixed")
    saved = last_checkpoint(tmp_path / "bf16")
    floats = [value for value in saved["state_dict"].values() if value.is_floating_point()]
    assert {value.dtype for value in floats} == {torch.float32} and all(value.isfinite().all() for value in floats)
    assert result["precision"] == "bf16-mixed" and result["iterations"] == 2
    rows = saved["ssgan"]["history"]["rows"]
    assert rows.dtype == torch.float32

    train(tmp_path / "32", *short)
    reference = last_checkpoint(tmp_path / "32")["ssgan"]["history"]["rows"]
    torch.testing.assert_close(rows[0], reference[0], rtol=0.1, atol=0.02)
    assert not torch.equal(rows, reference), "the networks must have computed in bfloat16"


def test_the_backward_pass_rounds_no_product_that_the_forward_pass_did_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Autocast would round the products in the gradient of what the forward pass protects, as minibatch features."""
    machine(monkeypatch, gpu=False, bf16=True)
    seen: list[bool] = []
    backward = torch.Tensor.backward

    def watched(self: torch.Tensor, *args: Any, **kwargs: Any) -> None:
        seen.append(torch.is_autocast_enabled("cpu"))
        backward(self, *args, **kwargs)

    monkeypatch.setattr(torch.Tensor, "backward", watched)
    train(tmp_path, *TINY, *chosen(*TRICKS), "trainer.max_iterations=2", "trainer.precision=bf16-mixed")
    assert seen == [False] * 4


def test_bfloat16_keeps_exactly_the_state_that_it_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    machine(monkeypatch, gpu=False, bf16=True)
    short = (*TINY, "trainer.precision=bf16-mixed", "optim.flat=1", "trainer.checkpoint_every=2")
    train(tmp_path / "parts", *short, "trainer.max_iterations=2")
    resume = f"ckpt_path={tmp_path / 'parts' / 'checkpoints' / 'last.ckpt'}"
    train(tmp_path / "parts", *short, "trainer.max_iterations=4", resume)
    train(tmp_path / "whole", *short, "trainer.max_iterations=4")
    parts, whole = (last_checkpoint(tmp_path / name)["state_dict"] for name in ("parts", "whole"))
    assert all(torch.equal(parts[key], whole[key]) for key in whole)


@pytest.mark.parametrize(
    "options", [("trainer.iterations_per_batch=5",), ("objective.d_steps=2", "objective.g_steps=3")]
)
def test_no_step_computes_with_weights_rounded_before_an_earlier_step(
    options: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Lightning's region of autocast is one of its batches, in which autocast may keep rounded weights."""
    machine(monkeypatch, gpu=False, bf16=True)
    short = (*TINY, *chosen(*TRICKS), "trainer.precision=bf16-mixed", "trainer.max_iterations=10")
    apart = [option for option in options if "iterations_per_batch" not in option]
    for name, cached, own in (("kept", True, options), ("anew", False, apart)):

        def region(self: Any, cached: bool = cached) -> torch.autocast:
            return torch.autocast("cpu", torch.bfloat16, cache_enabled=cached)

        monkeypatch.setattr(MixedPrecision, "autocast_context_manager", region)
        train(tmp_path / name, *short, *own, "data.batch_size=50", "trainer.eval_every=1000")
    kept, anew = (last_checkpoint(tmp_path / name)["state_dict"] for name in ("kept", "anew"))
    assert_equal(kept, anew)
