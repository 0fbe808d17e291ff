"""MNIST's own files, where a copy is at hand: known numbers, and that a few seconds of training learn something."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest
import torch

from ssgan.data import MNIST
from tests.conftest import REAL_DATA
from tests.runs import metric_rows, train

pytestmark = pytest.mark.skipif(
    not Path(REAL_DATA, "MNIST", "raw", "train-images-idx3-ubyte").is_file(),
    reason="SSGAN_DATA names no folder with a copy of MNIST",
)


def test_the_set_has_its_known_sizes_and_class_counts() -> None:
    images = MNIST(root=REAL_DATA).load()
    assert images.x_train.shape == (60_000, 1, 28, 28) and images.x_test.shape == (10_000, 1, 28, 28)
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert torch.bincount(images.y_train).tolist() == counts
    assert images.x_train.float().mean().item() / 255 == pytest.approx(0.1307, abs=5e-5)


def test_a_hundred_iterations_get_three_quarters_of_the_test_set_right(tmp_path: Path) -> None:
    """The median of five moments: now and then D loses its way for some steps, in which ones depends on rounding."""
    options = ("data=mnist", f"data.root={REAL_DATA}", "trainer=cpu", "trainer.max_iterations=100", "callbacks=none")
    train(tmp_path, *options, "logger=csv", "trainer.eval_every=20", "trainer.test_curve=true")
    curve = [row["test/error"] for row in metric_rows(tmp_path) if "test/error" in row]
    assert len(curve) == 5 and statistics.median(curve) < 0.3, curve
