"""float16 and its loss scaler: the order of unscaling and clipping, and steps that overflow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.plugins import MixedPrecision

from tests.runs import TINY, TRICKS, chosen, last_checkpoint, train


class CPUScaler(MixedPrecision):
    """Lightning's float16 precision for a CPU, on which its Trainer replaces it by bfloat16."""

    def __init__(self, scale: float) -> None:
        super().__init__("16-mixed", "cpu", torch.amp.GradScaler("cpu", init_scale=scale))


def float16_on_a_cpu(monkeypatch: pytest.MonkeyPatch, scale: float) -> CPUScaler:
    """Let every trainer compute in float16 on the CPU."""
    plugin, init = CPUScaler(scale), L.Trainer.__init__

    def patched(self: L.Trainer, *args: Any, **kwargs: Any) -> None:
        kwargs.pop("precision")
        init(self, *args, **{**kwargs, "plugins": [*kwargs.get("plugins", []), plugin]})

    monkeypatch.setattr(L.Trainer, "__init__", patched)
    monkeypatch.setattr("ssgan.run.check_precision", lambda *options: None)
    return plugin


@pytest.mark.parametrize("tricks", [("feature_matching",), TRICKS], ids=["feature_matching", "all"])
def test_float16_trains_and_clips_unscaled_gradients(tricks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    short = (*TINY, *chosen(*tricks), "trainer.max_iterations=3", "optim.clip_norm=0.01", "trainer.log_every=1")
    train(tmp_path / "32", *short)
    norms: list[float] = []

    class Norms(L.Callback):
        def on_train_start(self, trainer, pl_module):
            for optimizer in trainer.optimizers:
                optimizer.register_step_pre_hook(
                    lambda own, args, kwargs: norms.append(
                        torch.cat([p.grad.flatten() for p in own.param_groups[0]["params"] if p.grad is not None])
                        .norm()
                        .item()
                    )
                )

    plugin = float16_on_a_cpu(monkeypatch, 1024.0)
    result = train(tmp_path / "16", *short, "trainer.precision=16-mixed", callbacks=[Norms()])
    assert result["iterations"] == 3 and len(norms) == 6
    assert all(norm <= 0.01 * (1 + 1e-3) for norm in norms), "the gradients were clipped before they were unscaled"
    assert max(norms) > 0.009
    assert plugin.scaler is not None and plugin.scaler.get_scale() == 1024.0
    found, reference = (last_checkpoint(tmp_path / name)["state_dict"] for name in ("16", "32"))
    for key, value in reference.items():
        if value.is_floating_point():
            torch.testing.assert_close(found[key], value, rtol=0.05, atol=0.02)


def test_float16_without_clipping_leaves_the_unscaling_to_the_optimiser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Which takes the scale from the device, so that nothing waits for it."""
    short = (*TINY, *chosen("feature_matching"), "trainer.max_iterations=1")
    train(tmp_path / "32", *short)
    float16_on_a_cpu(monkeypatch, 1024.0)
    monkeypatch.setattr(torch.amp.GradScaler, "unscale_", lambda *arguments: pytest.fail("unscaled outside"))
    train(tmp_path / "16", *short, "trainer.precision=16-mixed")
    for found, reference in zip(
        *(last_checkpoint(tmp_path / n)["optimizer_states"] for n in ("16", "32")), strict=True
    ):
        for own, expected in zip(found["state"].values(), reference["state"].values(), strict=True):
            # Adam's mean of gradients shows a scale that is left in them, which its steps hide.
            error = (own["exp_avg"] - expected["exp_avg"]).norm() / expected["exp_avg"].norm()
            assert error < 0.05


@pytest.mark.parametrize("clip", ["null", "1.0"])
def test_a_step_whose_float16_gradients_overflow_is_left_out(clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    plugin = float16_on_a_cpu(monkeypatch, 2.0**40)
    clipped = f"optim.clip_norm={clip}"
    result = train(tmp_path, *TINY, "trainer.precision=16-mixed", clipped, "trainer.max_iterations=4")
    assert result["iterations"] == 4, "an iteration whose steps are left out counts all the same"
    assert plugin.scaler is not None and plugin.scaler.get_scale() < 2.0**40
    assert all(value.isfinite().all() for value in last_checkpoint(tmp_path)["state_dict"].values())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="float16 needs a GPU")
@pytest.mark.parametrize("clip", ["null", "1.0"])
def test_float16_trains_on_a_gpu(clip: str, tmp_path: Path):
    precision = ("trainer.precision=16-mixed", f"optim.clip_norm={clip}")
    short = (*TINY, "trainer=gpu", *precision, "trainer.max_iterations=20")
    result = train(tmp_path, *short)
    assert result["iterations"] == 20
    assert all(value.isfinite().all() for value in last_checkpoint(tmp_path)["state_dict"].values())
