"""The trained module in a Trainer of the user's own, as of any LightningModule."""

from __future__ import annotations

from pathlib import Path

import lightning as L
import pytest
import torch

import ssgan
from ssgan.data.module import SemiSupervisedData
from ssgan.module import SemiSupervisedGAN
from tests.runs import TINY, assert_equal, last_checkpoint, train


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    train(folder, *TINY, "data.num_val=50", "trainer.max_iterations=5")
    return folder


def trainer(**options: object) -> L.Trainer:
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    return L.Trainer(accelerator="cpu", logger=False, **quiet, **options)


def test_it_returns_the_errors_that_the_run_reported(run_dir: Path) -> None:
    model = ssgan.load(run_dir, "cpu")
    data = SemiSupervisedData(model.images(), model.config.data, seed=1)
    wrong = (model.predict(model.images().x_test).labels != model.images().y_test).float().mean().item()
    both = {key: value for each in trainer().test(model.module, data, verbose=False) for key, value in each.items()}
    assert both["test/error"] == pytest.approx(wrong) and "val/error" in both


def test_it_predicts_and_can_be_called(run_dir: Path) -> None:
    model = ssgan.load(run_dir, "cpu")
    images = model.images().x_test
    batches = trainer().predict(model.module, torch.utils.data.DataLoader(images, batch_size=200))
    torch.testing.assert_close(torch.cat(batches), model.logits(images))
    torch.testing.assert_close(model.module(images[:7]), model.logits(images[:7]))


def test_a_checkpoint_becomes_a_module_that_can_be_trained(run_dir: Path, tmp_path: Path) -> None:
    module = SemiSupervisedGAN.load_from_checkpoint(run_dir / "checkpoints" / "last.ckpt")
    assert_equal(dict(module.state_dict()), dict(last_checkpoint(run_dir)["state_dict"]))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    images = ssgan.load(run_dir, "cpu").images()
    data = SemiSupervisedData(images, ssgan.load(run_dir, "cpu").config.data, seed=1)
    trainer(max_steps=3, use_distributed_sampler=False, num_sanity_val_steps=0).fit(module, data)
    changed = {
        name.split(".")[0] for name, value in module.state_dict().items() if not torch.equal(value, before[name])
    }
    assert {"generator", "discriminator", "average"} <= changed
