"""Scores while training: logged, and without a trace in the run."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from ssgan.errors import ConfigError
from ssgan.run_folder.status import read_status
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
    with pytest.raises(ConfigError, match=r"callbacks\.score\.extractor: name a run"):
        train(tmp_path, *TINY, "callbacks=score")


@pytest.mark.parametrize(
    ("samples", "missing", "said"),
    [(19, "nothing", "scores of 19 samples"), (20, "torch_fidelity.metric_prc", "torch-fidelity")],
)
def test_what_cannot_be_scored_is_refused_before_the_training(
    samples: int, missing: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    SampleScore("somewhere", every=100, samples=20)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ConfigError, match=said):
        SampleScore("somewhere", every=100, samples=samples)


def test_too_few_real_images_are_refused_before_the_training(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = {f"x_{name}": rng.integers(0, 256, (n, 8, 8), dtype=np.uint8) for name, n in (("train", 10), ("test", 4))}
    labels = {name.replace("x", "y", 1): np.arange(len(x)) % 2 for name, x in images.items()}
    np.savez(tmp_path / "set.npz", **images, **labels)
    own = (*TINY, "data=arrays", f"data.path='{tmp_path / 'set.npz'}'", "model=mlp", "trainer.max_iterations=1")
    train(tmp_path / "extractor", *own, "objective=supervised")
    with pytest.raises(ConfigError, match="scores of 10 training images"):
        train(tmp_path / "run", *own, callbacks=[SampleScore(str(tmp_path / "extractor"), every=1)])
    status = read_status(tmp_path / "run")
    assert status is None or status.iteration == 0


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
