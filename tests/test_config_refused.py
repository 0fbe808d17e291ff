"""Wrong values in the configuration: each is refused in one line that names it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from ssgan.config import build, parse
from ssgan.data import DataOptions
from ssgan.errors import ConfigError
from ssgan.networks import Architecture
from ssgan.training_options import Optim
from ssgan.tricks import Trick
from tests.runs import compose_run, composed


@cache
def default_configuration() -> DictConfig:
    return composed(Path("run"))


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("optim.lr=0", ["optim.lr=0", "greater than 0"]),
        ("optim.lr=nan", ["optim.lr=nan", "greater than 0"]),
        ("optim.lr=fast", ["optim.lr", "'fast'"]),
        ("optim.beta1=1.5", ["optim.beta1=1.5"]),
        ("optim.beta1=1.0", ["optim.beta1=1"]),  # Adam needs less than 1
        ("optim.beta2=-0.1", ["optim.beta2=-0.1"]),
        ("optim.beta2=1.0", ["optim.beta2=1"]),
        ("optim.eps=0", ["optim.eps=0", "greater than 0"]),
        ("optim.eps=-1", ["optim.eps=-1", "greater than 0"]),
        ("optim.eps_root=0", ["optim.eps_root=0", "greater than 0"]),
        ("optim.epochs=0", ["optim.epochs=0"]),
        ("optim.length=0", ["optim.length=0", "greater than 0"]),
        ("objective.labelled_weight=-1", ["objective.labelled_weight=-1"]),
        ("optim.flat=2", ["optim.flat=2", "0.0 to 1.0"]),
        ("optim.lr_floor=1.1", ["optim.lr_floor=1.1", "0.0 to 1.0"]),
        ("optim.generator_lr_factor=0", ["optim.generator_lr_factor=0", "greater than 0"]),
        ("optim.generator_beta1=1.0", ["optim.generator_beta1=1"]),
        ("optim.interval=day", ["optim.interval=day", "epoch, iteration"]),
        ("optim.clip_norm=0", ["optim.clip_norm=0"]),
        ("ensemble=1", ["ensemble=1", "2 or more"]),
        ("optim.average.rate=2", ["optim.average.rate=2", "at most 0.5, or 1"]),
        ("optim.average.rate=0", ["optim.average.rate=0", "greater than 0"]),
        ("optim.average.rate=0.999", ["optim.average.rate=0.999", "a decay of 0.999 is a rate of 0.001"]),
        ("optim.average.rate=null", ["optim.average.rate", "optim.average.half_life"]),
        ("optim.average.half_life=100", ["optim.average.rate", "optim.average.half_life"]),
        ("optim.average.warmup=perhaps", ["optim.average.warmup", "'perhaps'"]),
        ("objective.unlabelled_weight=-1", ["objective.unlabelled_weight=-1"]),
        ("objective.generator_loss=hinge", ["objective.generator_loss=hinge", "non_saturating, saturating"]),
        ("objective.d_steps=0", ["objective.d_steps=0"]),
        ("objective.g_steps=-1", ["objective.g_steps=-1"]),
        ("trainer.precision=64", ["trainer.precision=64", "32, bf16-mixed, 16-mixed"]),
        ("trainer.max_epochs=0", ["trainer.max_epochs=0"]),
        ("trainer.max_iterations=0", ["trainer.max_iterations=0"]),
        ("trainer.log_every=0", ["trainer.log_every=0"]),
        ("trainer.eval_every=0", ["trainer.eval_every=0"]),
        ("trainer.checkpoint_every=0", ["trainer.checkpoint_every=0"]),
        ("trainer.iterations_per_batch=0", ["trainer.iterations_per_batch=0"]),
        ("trainer.iterations_per_batch=7", ["trainer.iterations_per_batch=7", "trainer.eval_every=600"]),
        ("trainer.matmul_precision=low", ["trainer.matmul_precision=low", "highest, high, medium"]),
        ("trainer.num_nodes=0", ["trainer.num_nodes=0"]),
        ("trainer.test_curve=some", ["trainer.test_curve", "'some'"]),
        ("trainer.devices=3", ["data.batch_size=100", "trainer.devices=3"]),
        ("seed=-1", ["seed=-1"]),
        ("seed=4294967296", ["seed=4294967296"]),  # what NumPy and Lightning seed with ends at 2^32 - 1
        ("seed=one", ["seed", "'one'"]),
        ("seed=1.5", ["seed", "1.5"]),
        ("data.num_labels=35", ["data.num_labels=35", "10 classes", "30 or 40"]),
        ("data.num_labels=many", ["data.num_labels", "'many'"]),
        ("data.num_val=7", ["data.num_val=7", "0 or 10"]),
        ("data.augment.flip=maybe", ["data.augment.flip", "'maybe'"]),
        ("data.augment.shift=-1", ["data.augment.shift=-1"]),
        ("data.batch_size=0", ["data.batch_size=0"]),
        ("model.z_dim=0", ["model.z_dim=0"]),
        ("model.generator_hidden=[]", ["model.generator_hidden=[]"]),
        ("model.discriminator_hidden=[0]", ["model.discriminator_hidden=[0]"]),
        ("model.generator_hidden=[a]", ["model.generator_hidden[0]", "'a'"]),
        ("model.generator_hidden=[[1]]", ["model.generator_hidden=[[1]]"]),
        ("model.feature_norm=l3", ["model.feature_norm=l3", "l1, l2"]),
        ("model.input_noise=-1", ["model.input_noise=-1"]),
        ("model._target_=nowhere.Net", ["model._target_=nowhere.Net"]),
        ("model._target_=ssgan.networks.Nothing", ["model._target_=ssgan.networks.Nothing"]),
        ("model._target_=pathlib.Path", ["model._target_=pathlib.Path", "Architecture"]),
        ("trick.feature_matching.norm=l3", ["trick.feature_matching.norm=l3", "l1, l2"]),
        ("seed=${nope}", ["seed", "nope"]),
    ],
)
def test_a_wrong_value_is_refused_in_one_line_that_names_it(override: str, parts: list[str], tmp_path: Path):
    cfg = OmegaConf.merge(default_configuration(), OmegaConf.from_dotlist([override]))  # as Hydra would, but faster
    with pytest.raises(ConfigError) as error:
        parse(cfg, str(tmp_path), [override])
    message = str(error.value)
    assert "\n" not in message
    assert [part for part in parts if part not in message] == [], message


@pytest.mark.parametrize(
    ("trick", "override"),
    [
        ("label_smoothing", "trick.label_smoothing.alpha=1.5"),
        ("historical_averaging", "trick.historical_averaging.weight=-1"),
        ("minibatch_discrimination", "trick.minibatch_discrimination.kernels=0"),
        ("minibatch_discrimination", "trick.minibatch_discrimination.dim=0"),
        ("virtual_batch_norm", "trick.virtual_batch_norm.reference_size=0"),
        ("virtual_batch_norm", "trick.virtual_batch_norm.eps=0"),
    ],
)
def test_each_techniques_values_are_checked(trick: str, override: str, tmp_path: Path):
    with pytest.raises(ConfigError) as error:
        compose_run(tmp_path, f"trick={trick}", override)
    assert str(error.value).startswith(override) and "\n" not in str(error.value)


def test_two_techniques_for_one_normalisation_are_refused(tmp_path: Path):
    second = "+trick.mine._target_=ssgan.tricks.VirtualBatchNorm"
    with pytest.raises(ConfigError, match="mine and virtual_batch_norm"):
        compose_run(tmp_path, "trick=virtual_batch_norm", second)


def test_a_constant_under_adams_root_needs_an_average_of_squares():
    assert Optim(eps=0.0, eps_root=1e-8, beta2=0.5).eps == 0 and Optim(eps=1e-8, beta2=0.0).eps_root is None
    with pytest.raises(ConfigError, match=r"optim\.eps_root=1e-08: needs an optim\.beta2 greater than 0"):
        Optim(eps_root=1e-8, beta2=0.0)
    with pytest.raises(ConfigError, match=r"optim\.eps=-1: must be 0 or greater"):
        Optim(eps=-1, eps_root=1e-8)


@pytest.mark.parametrize("base", [DataOptions, Architecture, Trick])
def test_a_node_without_a_class_is_refused(base: type):
    for node in (None, 3, {}, {"norm": "l2"}):
        with pytest.raises(ConfigError, match=r"part\._target_"):
            build(node, base, "part")


def test_a_technique_with_options_that_is_not_chosen_says_both_ways_out(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"trick\.consistency .* trick=\[…,consistency\], .* ~trick\.consistency"):
        compose_run(tmp_path, "experiment=mnist_100_views", "trick=feature_matching")
