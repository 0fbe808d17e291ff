"""The extractor of the data at hand: the same for all runs with that network and data, however they were trained."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
from pathlib import Path

import lightning as L
import numpy as np
import pytest
from hydra.core.hydra_config import HydraConfig

from ssgan.callbacks import LastCheckpoint
from ssgan.errors import SSGANError
from ssgan.inference.trained import TrainedModel, load
from ssgan.machine.precision import cpu_has_bf16, cpu_rounds_products
from ssgan.scoring import own_extractor as subject
from ssgan.scoring.own_extractor import own_extractor
from tests.fake_data import write_arrays
from tests.runs import TINY, TINY_CONV, assert_equal, chosen, last_checkpoint, train

#: A run that differs from the recipe in whatever a run may differ.
ODD = (
    "objective=unlabelled", "objective.d_steps=2", "data.batch_size=20", "data.num_labels=20", "data.num_val=10",
    "data.seed=7", "seed=3", "data.include_labelled=false", "data.augment.shift=1", "optim.lr=0.5",
    "optim.average.generator=true", *(["trainer.precision=bf16-mixed"] if cpu_has_bf16() else []),
    *(["trainer.matmul_precision=medium"] if cpu_rounds_products() else []),
    "trainer.iterations_per_batch=31", "trainer.eval_every=31", "trainer.max_iterations=31", "trainer.threads=1",
    *chosen("minibatch_discrimination", "spectral_norm"),
)  # fmt: skip


@pytest.fixture(autouse=True)
def short(cache_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "ITERATIONS", 60)


def trained(folder: Path, *options: str) -> TrainedModel:
    train(folder, *TINY, "trainer.max_iterations=2", *options)
    return load(folder, "cpu")


def test_how_a_run_was_trained_does_not_matter(tmp_path: Path) -> None:
    said: list[str] = []
    odd = own_extractor(trained(tmp_path / "odd", *ODD), None, said.append)
    plain = own_extractor(trained(tmp_path / "plain"), None, said.append)
    assert odd.path == plain.path and len(said) == 1
    result = json.loads((odd.path.parents[1] / "result.json").read_text())
    assert result["num_labels"] == 1297 and result["objective"] == "supervised" and result["tricks"] == []
    assert result["precision"] == "32" and result["iterations"] == 60
    assert result["test_error"] < 0.5, "it has learned from the labels"


def test_a_cache_that_cannot_be_made_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(subject, "cache_dir", lambda: tmp_path / "file")
    with pytest.raises(SSGANError, match=r"cannot be made: Not a directory; name a trained one with --extractor RUN$"):
        own_extractor(trained(tmp_path / "run"), None, print)


def test_other_labels_are_other_data(tmp_path: Path) -> None:
    file, paths = tmp_path / "images.npz", []
    data = ("data=arrays", f"data.path='{file}'", "data.num_labels=20", "model=conv", *TINY_CONV)
    for shift in (0, 1):
        write_arrays(file)
        arrays = dict(np.load(file))
        arrays["y_train"] = (arrays["y_train"] + shift) % 10
        np.savez(file, **arrays)
        folder = tmp_path / f"run-{shift}"
        train(folder, "trainer=cpu", "callbacks=checkpoints", "logger=none", *data, "trainer.max_iterations=1")
        paths.append(own_extractor(load(folder, "cpu"), None, lambda line: None).path)
    assert paths[0] != paths[1]


def test_a_moved_data_set_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_arrays(tmp_path / "images.npz")
    data = ("data=arrays", f"data.path='{tmp_path / 'images.npz'}'", "data.num_labels=20", "model=conv", *TINY_CONV)
    train(tmp_path / "run", "trainer=cpu", "callbacks=checkpoints", "logger=none", *data, "trainer.max_iterations=1")
    model = load(tmp_path / "run", "cpu")
    here = own_extractor(model, None, lambda line: None).path
    moved = (tmp_path / "images.npz").rename(tmp_path / "moved.npz")
    assert own_extractor(model, str(moved), lambda line: None).path == here
    asked: list[dict[str, str]] = []
    monkeypatch.setattr(subject, "_train", lambda config, folder: asked.append(config["data"]))
    monkeypatch.setenv("SSGAN_DATA", str(tmp_path))
    (here.parents[1] / "result.json").unlink()
    own_extractor(model, str(moved), lambda line: None)
    assert asked[0]["path"] == str(moved), "trained where the images lie now"
    moved.rename(tmp_path / "images.npz")
    own_extractor(model, None, lambda line: None)
    assert asked[1]["root"] == str(tmp_path), "as the images that are scored"


def test_of_several_that_need_it_at_once_one_trains_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, trainings = trained(tmp_path / "run"), []
    kept = own_extractor(model, None, lambda line: None).path.parents[1]
    result = (kept / "result.json").read_text()
    (kept / "result.json").unlink()
    second = threading.Event()

    def slow_training(config: object, folder: Path) -> None:
        trainings.append(folder)
        second.wait(1)  # long enough for the other to look whether there is one
        (folder / "result.json").write_text(result)

    monkeypatch.setattr(subject, "_train", slow_training)
    monkeypatch.setattr(subject, "load", lambda folder, device: folder)
    threads = [threading.Thread(target=own_extractor, args=(model, None, lambda line: None)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert trainings == [kept]


def test_a_training_that_was_stopped_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    model = trained(tmp_path / "run")
    kept = own_extractor(model, None, lambda line: None).path.parents[1]
    whole = last_checkpoint(kept)["state_dict"]
    shutil.rmtree(kept)
    after_a_batch = LastCheckpoint.on_train_batch_end

    def stopped(self: LastCheckpoint, trainer: L.Trainer, *rest: object) -> None:
        after_a_batch(self, trainer, *rest)
        if trainer.global_step == 20:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(LastCheckpoint, "on_train_batch_end", stopped)
        patch.setattr(HydraConfig.instance(), "cfg", None)  # as in another process than the run's
        with pytest.raises(SystemExit, match="130"):
            own_extractor(model, None, lambda line: None)
    assert last_checkpoint(kept)["global_step"] == 20 and "the same command goes on" in caplog.text
    own_extractor(model, None, lambda line: None)
    assert_equal(last_checkpoint(kept)["state_dict"], whole)
