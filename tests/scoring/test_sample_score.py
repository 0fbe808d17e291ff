"""Scores while training: logged, and without a trace in the run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ssgan.scoring.sample_score import SampleScore
from tests.runs import TINY, assert_equal, last_checkpoint, metric_rows, train

pytest.importorskip("torch_fidelity", reason="the score extra is not installed")

SCORES = {"fid", "kid_mean", "kid_std", "is_mean", "is_std", "precision", "recall"}


@pytest.fixture(scope="module")
def extractor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("extractor")
    train(folder, *TINY, "objective=supervised", "data.num_labels=null", "trainer.max_iterations=30")
    return folder


def test_scores_are_logged_and_change_nothing(extractor: Path, tmp_path: Path) -> None:
    same = (*TINY, "trainer.max_iterations=6", "trick=virtual_batch_norm", "logger=csv")
    train(tmp_path / "without", *same)
    scored = (f"callbacks.score.extractor='{extractor}'", "callbacks.score.every=3", "callbacks.score.samples=50")
    train(tmp_path / "with", *same, "callbacks=[checkpoints,score]", *scored)
    rows = [row for row in metric_rows(tmp_path / "with") if "samples/fid" in row]
    assert [row["step"] for row in rows] == [3, 6]
    for row in rows:
        assert {key.removeprefix("samples/") for key in row if key.startswith("samples/")} == SCORES
        assert row["samples/fid"] > 0
    a, b = last_checkpoint(tmp_path / "without"), last_checkpoint(tmp_path / "with")
    for checkpoint in (a, b):
        del checkpoint["ssgan"]["config"], checkpoint["callbacks"]  # folders and the list of callbacks
        del checkpoint["ssgan"]["seconds"]
    assert_equal(a, b)


def test_an_extractor_must_be_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from ssgan.errors import ConfigError

    with pytest.raises(ConfigError, match=r"callbacks\.score\.extractor: name a run"):
        train(tmp_path, *TINY, "callbacks=score")


def test_samples_are_compared_with_all_training_images(tmp_path: Path) -> None:
    """As by the command, with those that have no label too."""
    rng = np.random.default_rng(0)
    images = {name: rng.integers(0, 256, (n, 8, 8), dtype=np.uint8) for name, n in (("train", 40), ("test", 20))}
    labels = {name: np.arange(len(x)) % 2 for name, x in images.items()}
    np.savez(tmp_path / "set.npz", x_unlabelled=rng.integers(0, 256, (30, 8, 8), dtype=np.uint8),
             **{f"x_{k}": v for k, v in images.items()}, **{f"y_{k}": v for k, v in labels.items()})  # fmt: skip
    own = (*TINY, "data=arrays", f"data.path='{tmp_path / 'set.npz'}'", "model=mlp")
    train(tmp_path / "extractor", *own, "objective=supervised", "trainer.max_iterations=1")
    callback = SampleScore(str(tmp_path / "extractor"), every=100)
    train(tmp_path / "run", *own, "data.num_labels=20", "trainer.max_iterations=1", callbacks=[callback])
    assert callback._real is not None and len(callback._real.features) == 70
