"""How exactly numbers are computed: which precisions a machine has, and switches between them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ssgan.errors import ConfigError
from ssgan.machine.hardware import processor_name

#: From here on products, not calls, take an iteration's time: the digits' networks have 98,708, MNIST's 2,233,338.
MANY_PARAMETERS = 1_000_000


def check_precision(precision: str, matmul_precision: str, accelerator: str) -> None:
    """Refuse a precision that the hardware does not have.

    Args:
        precision: ``trainer.precision``.
        matmul_precision: ``trainer.matmul_precision``.
        accelerator: ``trainer.accelerator``.

    Raises:
        ConfigError: for 16-mixed on a CPU, for bf16-mixed on one without bfloat16 units, which would emulate them an
            order of magnitude slower than float32, and for rounded products on one that does not round them.
    """
    on_cpu = accelerator == "cpu" or (accelerator == "auto" and not torch.accelerator.is_available())
    if precision == "16-mixed" and on_cpu:
        raise ConfigError("trainer.precision=16-mixed needs a GPU; use bf16-mixed or 32 on a CPU")
    if precision == "bf16-mixed" and on_cpu and not cpu_has_bf16():
        raise ConfigError(
            "trainer.precision=bf16-mixed: this CPU has no bfloat16 units and would be far slower than with 32; use"
            " trainer.precision=32 or a GPU"
        )
    if matmul_precision == "medium" and on_cpu and not cpu_rounds_products():
        raise ConfigError(
            "trainer.matmul_precision=medium: this CPU computes float32 products exactly in any case; use"
            " trainer.matmul_precision=highest or a GPU"
        )


def set_matmul_precision(precision: str, parameters: int = 0) -> None:
    """How exactly float32 products are computed: in float32, or with operands rounded for fast units if there are any.

    Args:
        precision: ``highest`` is float32; ``high`` TF32 on a GPU; ``medium`` that too, and bfloat16 on a CPU with AMX
            or Arm's BF16, for convolutions as for matrices. cuDNN's convolutions use TF32 in any case, as is PyTorch's
            default.
        parameters: of the networks; with many their products are left to oneDNN where that is faster.
    """
    by_onednn = parameters >= MANY_PARAMETERS and cpu_gains_by_onednn()
    _allow("medium" if by_onednn else precision, "bf16" if precision == "medium" else "ieee")


def _allow(matrices: str, convolutions: str) -> None:
    """Tell PyTorch, and oneDNN of convolutions."""
    torch.set_float32_matmul_precision(matrices)
    onednn: Any = torch.backends.mkldnn
    onednn.conv.fp32_precision = convolutions


def products_are_rounded(device: torch.device) -> bool:
    """Whether float32 products, or convolutions, may be computed with rounded operands on that device."""
    precision = torch.get_float32_matmul_precision()
    if device.type == "cpu":
        return precision == "medium" and cpu_rounds_products()
    return precision != "highest" or torch.backends.cudnn.allow_tf32


@contextmanager
def exact_products() -> Iterator[None]:
    """Compute float32 products and convolutions in float32 meanwhile, whatever else is allowed."""
    onednn: Any = torch.backends.mkldnn
    before = torch.get_float32_matmul_precision(), onednn.conv.fp32_precision
    tf32 = torch.backends.cudnn.allow_tf32
    set_matmul_precision("highest", MANY_PARAMETERS if before[0] == "medium" else 0)
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = tf32
        _allow(*before)


@contextmanager
def uncached_casts() -> Iterator[None]:
    """Let autocast round a weight anew at each use meanwhile.

    It keeps rounded weights until its region ends, which is one of Lightning's batches: what comes after an optimiser's
    step there would compute with the weights from before. Whether Lightning asks for that depends on its version.
    """
    cached = torch.is_autocast_cache_enabled()
    torch.set_autocast_cache_enabled(False)
    try:
        yield
    finally:
        torch.set_autocast_cache_enabled(cached)


def cpu_has_bf16() -> bool:
    """Whether the CPU multiplies bfloat16 matrices natively (AVX512-BF16, AMX, or Arm's BF16)."""
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "arm_bf16"))


def cpu_rounds_products() -> bool:
    """Whether oneDNN rounds float32 operands to bfloat16 on this CPU when allowed to: by AMX or Arm's BF16 alone."""
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("amx_bf16", "arm_bf16"))


def cpu_gains_by_onednn() -> bool:
    """Whether float32 products are faster, and no less exact, where oneDNN is allowed to round them.

    PyTorch multiplies float32 matrices by MKL, which takes an AMD processor with AVX512 for one with AVX2, and by
    oneDNN where products may be rounded; oneDNN rounds none on such a processor, and takes half of MKL's time, but for
    small ones, whose time is that of the call. With a GPU, whose products the same switch would round, MKL stays.
    """
    if torch.accelerator.is_available() or cpu_rounds_products() or "AMD" not in processor_name():
        return False
    return torch.backends.cpu.get_cpu_capability() == "AVX512"
