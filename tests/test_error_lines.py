"""What is wrong with a configuration is one line, which says what there is instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runs import TRICKS, options, refused

pytestmark = pytest.mark.usefixtures("in_tmp_path")


WRONG = [
    # an option that a group does not have
    (["trick=hinge"], ["'hinge'", *TRICKS, "none"]),
    (["trick=feature_machting"], ["'feature_machting'", "did you mean 'feature_matching'"]),
    (["trick=[feature_matching,hinge]"], ["hinge", *TRICKS, "none"]),
    (["data=imagenet"], ["'imagenet'", "digits", "mnist", "svhn", "cifar10", "folder", "table", "arrays"]),
    (["model=resnet"], ["'resnet'", "mlp", "conv"]),
    (["optim=sgd"], ["'sgd'", "mnist", "svhn", "cifar10"]),
    (["logger=mlflow"], ["'mlflow'", "csv", "tensorboard", "none"]),
    (["callbacks=ema"], ["'ema'", "checkpoints", "samples", "progress", "none"]),
    (["objective=vae"], ["'vae'", "semi_supervised", "supervised"]),
    (["experiment=fast"], ["fast", *options("experiment")]),
    (["debug=slow"], ["slow", *options("debug")]),
    (["trick=null"], []),
    # a key that does not exist
    (["sead=3"], ["'sead'", "did you mean 'seed'"]),
    (["lr=0.1"], ["'lr'", "did you mean 'optim.lr'"]),
    (["trainer.max_steps=10"], ["'max_steps'", "did you mean 'max_iterations'"]),
    (["wandb.mode=offline"], ["'wandb'", "logger=wandb brings it"]),
    (["model.depth=3"], ["'depth'", "model", "generator_hidden", "z_dim"]),
    (["data.path=x"], ["'path' in data (data=arrays or data=folder or data=table has it); it has"]),
    (["model.generator_widths=[8]"], ["'generator_widths'", "(model=conv or model=conv_small has it)"]),
    (["data=mnist", "data.image_size=3"], ["'image_size' in data (data=folder or data=table has it)"]),
    (["data.num_lables=10"], ["'num_lables'", "data", "did you mean 'num_labels'"]),
    (["trick.label_smoothing.alpha=0.8"], ["'label_smoothing' in trick; it has feature_matching; choose a technique"]),
    (["trick=none", "trick.feature_matching.norm=l1"], ["'feature_matching'", "trick=[...]", "'++'"]),
    (["optim.average.decay=0.9"], ["'decay'", "optim.average", "half_life"]),
    (["+trick.foo=1"], ["trick.foo"]),
    (["+trick.feature_matching.foo=1"], ["trick.feature_matching", "'foo'", "norm"]),
    (["+trick.foo._target_=os.path.join"], ["trick.foo._target_=os.path.join", "Trick"]),
    (["+trainer.gradient_clip_val=1"], ["trainer", "'gradient_clip_val'", "max_iterations"]),
    (["+model.depth=3"], ["model", "'depth'", "generator_hidden"]),
    (["+sead=3"], ["sead", "seed"]),
    # a value of the wrong type or out of range
    (["data.num_labels=many"], ["data.num_labels", "'many'"]),
    (["data.num_labels=35"], ["data.num_labels=35", "30 or 40"]),
    (["optim.lr=-1"], ["optim.lr=-1", "greater than 0"]),
    (["trainer.precision=64"], ["trainer.precision=64", "32, bf16-mixed, 16-mixed"]),
    (["trick.feature_matching.norm=l3"], ["trick.feature_matching.norm=l3", "l1, l2"]),
    (["trainer.devices=3"], ["data.batch_size=100", "trainer.devices=3"]),
    # something mandatory, or a file, that is not there
    (["data=folder"], ["data.path=VALUE"]),
    (["data=arrays"], ["data.path=VALUE"]),
    (["ckpt_path=/no/such/run"], ["ckpt_path=/no/such/run"]),
    (["ckpt_path=last"], ["ckpt_path=last", "hydra.run.dir"]),
    # words that are no overrides
    (["trick=[feature_matching"], ["[feature_matching"]),
    (["data.num_labels"], ["data.num_labels"]),
    (["trick=label_smoothing,feature_matching"], ["trick=label_smoothing,feature_matching", "[", "--multirun"]),
    (["--config-dir=/no/such/folder"], ["/no/such/folder"]),
    (["--no-such-flag"], ["--no-such-flag", "--help"]),
    (["--resolve"], ["--resolve", "--cfg"]),
    (["--cfg=job", "--multirun"], ["Only one of", "--multirun"]),
    (["hydra.run.dir=null"], ["hydra.run.dir=null", "not"]),
    (["hydra.run.dir=~/runs"], ["hydra.run.dir=~/runs", "write the whole path"]),
    # given twice, or a number where a name belongs
    (["trick=[label_smoothing,label_smoothing]"], ["trick=[label_smoothing,label_smoothing]", "given twice"]),
    (["trick=label_smoothing", "trick=feature_matching"], ["trick is given twice", "[ONE,ANOTHER]"]),
    (["optim=3"], ["optim '3'", "mnist", "svhn"]),
    (["=3"], ["'=3'", "KEY=VALUE"]),
]


@pytest.mark.parametrize(("argv", "parts"), WRONG, ids=[" ".join(argv) for argv, _ in WRONG])
def test_a_wrong_option_is_refused_before_training(argv: list[str], parts: list[str], capfd, monkeypatch):
    monkeypatch.setattr("ssgan.run.run", lambda config: pytest.fail(f"{argv} was accepted"))
    message = refused(capfd, *argv)
    assert [part for part in parts if part not in message] == [], message


def test_a_configuration_that_lacks_a_group_is_one_line(tmp_path: Path, capfd):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "train.yaml").write_text("seed: 4\n")
    message = refused(capfd, "--config-path", str(tmp_path / "own"))
    assert "has no data" in message and "--config-dir=FOLDER" in message
