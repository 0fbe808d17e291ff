"""Whole runs: how long they are, and what they train and measure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback

from ssgan.module import SemiSupervisedGAN
from tests.fake_data import write_arrays
from tests.runs import QUIET, TINY, TRICKS, assert_equal, chosen, last_checkpoint, metric_rows, train


def optimizer_steps(run_dir: Path) -> list[set[float]]:
    """Steps that each parameter of D, and of G, has had."""
    states = last_checkpoint(run_dir)["optimizer_states"]
    return [{state["step"].item() for state in optimizer["state"].values()} for optimizer in states]


@pytest.mark.parametrize(("d_steps", "g_steps"), [(1, 1), (2, 1), (1, 3), (3, 2)])
def test_an_iteration_is_one_round_whatever_the_number_of_updates(d_steps: int, g_steps: int, tmp_path: Path):
    steps = (f"objective.d_steps={d_steps}", f"objective.g_steps={g_steps}")
    every = ("trainer.log_every=2", "trainer.eval_every=2", "logger=csv")
    result = train(tmp_path, *TINY, *steps, *every, "trainer.max_iterations=5")
    assert result["iterations"] == 5
    assert optimizer_steps(tmp_path) == [{5.0 * d_steps}, {5.0 * g_steps}]
    for metric in ("train/d_loss", "train/g_loss", "test/error"):
        assert [row["step"] for row in metric_rows(tmp_path) if metric in row] == [2, 4, 5], "and at the end"


@pytest.mark.parametrize(
    ("length", "iterations"),
    [
        (("trainer.max_epochs=1",), 12),  # 1,297 unlabelled images in batches of 100
        (("trainer.max_epochs=2",), 24),
        (("trainer.max_epochs=2", "objective.d_steps=2"), 12),
        (("trainer.max_iterations=5",), 5),
        (("trainer.max_iterations=15", "trainer.max_epochs=1"), 15),
        (("trainer.max_epochs=1", "data.num_val=100"), 11),
        (("trainer.max_epochs=1", "data.include_labelled=false", "data.num_labels=100"), 11),
    ],
)
def test_the_run_ends_where_it_was_told_to(length: tuple[str, ...], iterations: int, tmp_path: Path):
    result = train(tmp_path, *TINY, "data.batch_size=100", *length)
    assert result["iterations"] == iterations == last_checkpoint(tmp_path)["global_step"]


def test_a_batch_larger_than_the_data_repeats_it(tmp_path: Path):
    result = train(tmp_path, *TINY, "data.batch_size=1500", "trainer.max_epochs=2")
    assert result["iterations"] == 2


class Start(Callback):
    """Keeps the state at the start of training."""

    def on_train_start(self, trainer, pl_module):
        self.state = {key: value.clone() for key, value in pl_module.state_dict().items()}


def test_start_values_are_taken_from_as_many_images_as_in_the_authors_code(tmp_path: Path, monkeypatch):
    seen = []
    monkeypatch.setattr(SemiSupervisedGAN, "initialise", lambda self, pixels: seen.append(pixels.shape))
    train(tmp_path, *TINY, "trainer.max_iterations=1")
    assert seen == [(500, 1, 8, 8)]


def test_the_supervised_baseline_trains_d_on_labels_alone(tmp_path: Path):
    start = Start()
    result = train(tmp_path, *TINY, "objective=supervised", "trainer.max_iterations=4", callbacks=[start])
    saved = last_checkpoint(tmp_path)
    assert result["objective"] == "supervised"
    assert saved["ssgan"]["history"]["names"] == ["d_labelled"]
    for key, value in saved["state_dict"].items():
        if key.startswith("generator."):
            assert torch.equal(value, start.state[key]), key
    assert any(not torch.equal(v, start.state[k]) for k, v in saved["state_dict"].items() if k.startswith("discr"))
    assert len(optimizer_steps(tmp_path)[1]) == 0, "G's optimiser must never have stepped"


def test_held_out_labels_give_a_validation_error_and_a_best_checkpoint(tmp_path: Path):
    often = ("trainer.eval_every=2", "trainer.max_iterations=6", "logger=csv", "data.num_val=50")
    result = train(tmp_path, *TINY, *often)
    rows = metric_rows(tmp_path)
    curve = {row["step"]: row["val/error"] for row in rows if "val/error" in row}
    assert sorted(curve) == [2, 4, 6] and all(round(error * 50, 3) == round(error * 50) for error in curve.values())
    assert result["num_val"] == 50 and result["num_unlabelled"] == 1297 - 50
    assert result["val_error"] == pytest.approx(curve[6], abs=1e-6)
    best = torch.load(tmp_path / "checkpoints" / "best.ckpt", weights_only=True)
    lowest = min(curve.values())
    assert best["global_step"] == min(step for step, error in curve.items() if error == lowest)


def test_without_held_out_labels_nothing_is_chosen(tmp_path: Path):
    result = train(tmp_path, *TINY, "trainer.eval_every=1", "trainer.max_iterations=2", "logger=csv")
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["last.ckpt"]
    assert "val_error" not in result and not any("val/error" in row for row in metric_rows(tmp_path))


def test_the_test_curve_can_be_left_out(tmp_path: Path):
    train(tmp_path, *TINY, "trainer.eval_every=1", "trainer.max_iterations=2", "logger=csv", "trainer.test_curve=false")
    assert [row["step"] for row in metric_rows(tmp_path) if "test/error" in row] == [2]


def test_the_learnt_beats_chance_on_patterns(tmp_path: Path):
    """150 iterations on ten noisy patterns, two labels each: far better than the 90 % of chance."""
    write_arrays(tmp_path / "mine.npz")
    data = (
        "data=arrays",
        f"data.path={tmp_path / 'mine.npz'}",
        "data.num_labels=20",
        "model=mlp_small",
        "optim=digits",
    )
    result = train(tmp_path, *QUIET, *data, "trainer.max_iterations=150", "data.batch_size=20")
    assert result["test_error"] < 0.3
    assert np.isfinite(result["seconds"])


def test_deterministic_runs_use_deterministic_algorithms_and_are_the_same(tmp_path: Path) -> None:
    short = (*TINY, *chosen(*TRICKS), "trainer.max_iterations=4", "trainer.deterministic=true")
    modes: list[bool] = []

    class Mode(Callback):
        def on_train_batch_end(self, *_: object) -> None:
            modes.append(torch.are_deterministic_algorithms_enabled())

    for name in ("one", "other"):
        train(tmp_path / name, *short, callbacks=[Mode()])
    one, other = (last_checkpoint(tmp_path / name) for name in ("one", "other"))
    assert_equal(one["state_dict"], other["state_dict"])
    assert_equal(one["optimizer_states"], other["optimizer_states"])
    train(tmp_path / "usual", *TINY, "trainer.max_iterations=1", callbacks=[Mode()])
    assert modes == [True] * 8 + [False], "the next run of the process has its own choice"
