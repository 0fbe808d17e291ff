"""The trained module in a Trainer of the user's own, as of any LightningModule."""

from __future__ import annotations

import csv
from pathlib import Path

import lightning as L
import pytest
import torch
from lightning.pytorch.loggers import CSVLogger

import ssgan
from ssgan.data.module import SemiSupervisedData
from ssgan.errors import ConfigError
from ssgan.module import SemiSupervisedGAN
from ssgan.run_folder.checkpoint import read_checkpoint
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
    batches = trainer().predict(model.module, SemiSupervisedData(model.images(), model.config.data, seed=1))
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


def to_train(run_dir: Path, **options: object) -> tuple[SemiSupervisedGAN, SemiSupervisedData]:
    model = ssgan.load(run_dir, "cpu")
    data = SemiSupervisedData(model.images(), model.config.data, seed=1, **options)
    return SemiSupervisedGAN.load_from_checkpoint(run_dir / "checkpoints" / "last.ckpt"), data


def test_the_trainer_that_has_trained_it_returns_its_errors_too(run_dir: Path) -> None:
    module, data = to_train(run_dir)
    mine = trainer(max_steps=2, use_distributed_sampler=False)
    mine.fit(module, data)
    for results in (mine.test(module, data, verbose=False), mine.validate(module, data, verbose=False)):
        assert any("test/error" in each or "val/error" in each for each in results)
    assert any("test/error" in each for each in trainer().test(module, data, verbose=False))


def test_a_sanity_check_is_no_point_of_the_learning_curve(run_dir: Path, tmp_path: Path) -> None:
    module, data = to_train(run_dir, test_curve=True)
    logger = CSVLogger(tmp_path)
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    mine = L.Trainer(
        accelerator="cpu", logger=logger, max_steps=3, val_check_interval=3, num_sanity_val_steps=2,
        use_distributed_sampler=False, **quiet,
    )  # fmt: skip
    mine.fit(module, data)
    rows = list(csv.DictReader(Path(logger.log_dir, "metrics.csv").read_text().splitlines()))
    assert [row["step"] for row in rows if row.get("val/error")] == ["3"]


def test_what_a_checkpoint_s_module_cannot_be_given_is_refused(run_dir: Path) -> None:
    with pytest.raises(TypeError, match="seed"):
        SemiSupervisedGAN.load_from_checkpoint(run_dir / "checkpoints" / "last.ckpt", seed=9)
    for lax in ({"strict": False}, {"weights_only": False}):
        with pytest.raises(ConfigError, match="strict=True and weights_only=True, or not at all"):
            SemiSupervisedGAN.load_from_checkpoint(run_dir, **lax)
    assert SemiSupervisedGAN.load_from_checkpoint(run_dir, "cpu", strict=True, weights_only=True).seed == 1


def test_its_seconds_end_with_the_training(run_dir: Path, tmp_path: Path) -> None:
    """Also in a checkpoint that is written later."""
    module, data = to_train(run_dir)
    mine = trainer(max_steps=2, use_distributed_sampler=False, num_sanity_val_steps=0)
    mine.fit(module, data)
    seconds = module.stopwatch.seconds
    mine.save_checkpoint(tmp_path / "late.ckpt")
    assert read_checkpoint(str(tmp_path / "late.ckpt"))["ssgan"]["seconds"] == seconds > 0


def test_a_training_without_a_length_is_refused(run_dir: Path) -> None:
    module, data = to_train(run_dir)
    with pytest.raises(ConfigError, match="max_steps or max_epochs"):
        trainer(max_time="00:00:10:00", use_distributed_sampler=False, num_sanity_val_steps=0).fit(module, data)
