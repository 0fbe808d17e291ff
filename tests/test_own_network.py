"""Networks of the user's own, with layers of PyTorch's: statistics, frozen weights and dropout are as anywhere."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from tests.runs import TINY, assert_equal, command, last_checkpoint, metric_rows

CLASS = """\
import math
from dataclasses import dataclass

import torch
from torch import nn

from ssgan.layers import NoisySequential, WeightNormLinear
from ssgan.networks import MLP
from ssgan.networks.discriminator import Discriminator
from ssgan.tricks import Trick


@dataclass(kw_only=True)
class Torch(MLP):
    dropout: float = 0.0

    def build_discriminator(self, image_shape, num_classes, tricks, batch_size):
        first = nn.Linear(math.prod(image_shape), 16)
        nn.init.eye_(first.weight)
        first.requires_grad_(False)
        layers = nn.Flatten(), first, nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(self.dropout)
        heads = tricks.discriminator_heads(16, batch_size)
        return Discriminator(NoisySequential(*layers), 16, num_classes, heads)


@dataclass(kw_only=True)
class Bare(MLP):
    def build_generator(self, image_shape, tricks, batch_size):
        from ssgan.networks.generator import Generator

        hidden = nn.Sequential(nn.Linear(self.z_dim, 16), nn.ReLU())
        return Generator(self.z_dim, [hidden], nn.Sequential(nn.Linear(16, 64), nn.Unflatten(1, image_shape)))

    def build_discriminator(self, image_shape, num_classes, tricks, batch_size):
        return Discriminator(NoisySequential(nn.Flatten(), WeightNormLinear(64, 16)), 16, num_classes, {})


class Shift(nn.Module):
    def __init__(self):
        super().__init__()
        self.by = nn.Parameter(torch.randn(16))

    def forward(self, x):
        return x + self.by


@dataclass(kw_only=True)
class Moody(MLP):
    def build_generator(self, image_shape, tricks, batch_size):
        from ssgan.networks.generator import Generator

        layers = nn.Linear(self.z_dim, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.5)
        return Generator(self.z_dim, [*layers], nn.Sequential(nn.Linear(16, 64), nn.Unflatten(1, image_shape)))


@dataclass(kw_only=True)
class Tied(MLP):
    def build_generator(self, image_shape, tricks, batch_size):
        from ssgan.networks.generator import Generator

        layers = nn.Linear(self.z_dim, 16), Shift(), nn.ReLU()
        return Generator(self.z_dim, [*layers], nn.Sequential(nn.Linear(16, 64), nn.Unflatten(1, image_shape)))

    def build_discriminator(self, image_shape, num_classes, tricks, batch_size):
        first, second = WeightNormLinear(64, 64), WeightNormLinear(64, 64)
        second.weight = first.weight
        return Discriminator(NoisySequential(nn.Flatten(), first, nn.ReLU(), second), 64, num_classes, {})


@dataclass
class Branch(Trick):
    def discriminator_penalty(self, step):
        if step.unlabelled.logits.max() > 0:
            return step.unlabelled.logits.square().mean()
        return None


@dataclass
class Ramp(Trick):
    def generator_penalty(self, step):
        assert step.generator(step.noise.z).shape == step.fake_images.shape
        return step.progress + 0 * step.fake.logits.sum()


@dataclass
class R1(Trick):
    def discriminator_penalty(self, step):
        images = step.batch.unlabelled.detach().requires_grad_()
        logits = step.discriminator(images).logits
        return torch.autograd.grad(logits.sum(), images, create_graph=True)[0].square().mean()


@dataclass
class Lazy(Trick):
    calls: int = 0

    def discriminator_penalty(self, step):
        self.calls += 1
        return step.unlabelled.logits.square().mean() if self.calls % 4 == 0 else None
"""


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's folder, as PYTHONPATH and --config-dir give it."""
    for group, name, yaml in (
        ("model", "own", "defaults: [mlp_small, _self_]\n_target_: my_networks.Torch\ndropout: 0.0\n"),
        ("trick", "branch", "branch: {_target_: my_networks.Branch}\n"),
        ("trick", "ramp", "ramp: {_target_: my_networks.Ramp}\n"),
        ("trick", "r1", "r1: {_target_: my_networks.R1}\n"),
        ("trick", "lazy", "lazy: {_target_: my_networks.Lazy}\n"),
    ):
        (tmp_path / "mine" / group).mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / group / f"{name}.yaml").write_text(yaml)
    (tmp_path / "my_networks.py").write_text(CLASS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    sys.modules.pop("my_networks", None)


def run(name: str, *overrides: str) -> int:
    short = (*TINY, "data=digits", "model=own", "logger=csv", "optim.flat=1", "trainer.log_every=1")
    return command("--config-dir=mine", *short, f"hydra.run.dir={name}", *overrides)


@pytest.mark.parametrize("trick", ["minibatch_discrimination", "virtual_batch_norm"])
def test_a_technique_whose_layer_the_networks_lack_is_refused(trick: str, capfd) -> None:
    assert run("run", "model._target_=my_networks.Bare", "~model.dropout", f"trick=[feature_matching,{trick}]") == 2
    error = capfd.readouterr().err
    assert error.startswith(f"error: trick.{trick} changes nothing in Bare: ") and error.count("\n") == 1, error


def test_spectral_norm_needs_nothing_of_a_network_of_one_s_own(tmp_path: Path, capfd) -> None:
    bare = ("model._target_=my_networks.Bare", "~model.dropout", "trainer.max_iterations=1")
    assert run("run", *bare, "trick=[feature_matching,spectral_norm]") == 0, capfd.readouterr().err
    scales = [name for name in last_checkpoint(tmp_path / "run")["state_dict"] if ".weight_scale." in name]
    assert {"discriminator.body.1.weight_scale.start", "discriminator.classifier.weight_scale.start"} <= {*scales}


def test_the_average_has_the_statistics_of_the_network(tmp_path: Path, capfd) -> None:
    assert run("run", "trainer.max_iterations=5") == 0, capfd.readouterr().err
    saved = last_checkpoint(tmp_path / "run")["state_dict"]
    for name in ("running_mean", "running_var", "num_batches_tracked"):
        found, expected = (saved[f"{network}.body.2.{name}"] for network in ("average.network", "discriminator"))
        assert torch.equal(found, expected)
    assert saved["discriminator.body.2.num_batches_tracked"] >= 10


@pytest.mark.parametrize("ensemble", ["ensemble=null", "ensemble=2"])
def test_frozen_weights_stay_as_they_were_made(ensemble: str, tmp_path: Path, capfd) -> None:
    assert run("run", "trainer.max_iterations=3", ensemble) == 0, capfd.readouterr().err
    saved = last_checkpoint(tmp_path / "run")["state_dict"]
    weights = saved["discriminator.body.1.weight"]
    assert torch.equal(weights, torch.eye(16, 64).expand_as(weights))


def test_a_resumed_run_goes_on_with_torch_s_own_generator(tmp_path: Path, capfd) -> None:
    short = ("model.dropout=0.5", "trainer.checkpoint_every=2")
    assert run("parts", *short, "trainer.max_iterations=2") == 0, capfd.readouterr().err
    assert run("parts", *short, "trainer.max_iterations=4", "ckpt_path=last") == 0, capfd.readouterr().err
    assert run("whole", *short, "trainer.max_iterations=4") == 0
    parts, whole = (last_checkpoint(tmp_path / name)["state_dict"] for name in ("parts", "whole"))
    assert_equal(parts, whole)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["model.dropout=0.5"], ["but a layer of a network draws from PyTorch's own", "ssgan.layers such as Dropout"]),
        (["trick=branch"], ["my_networks.py, line 73, branches on a tensor's value; use torch.where"]),
        (["trick=r1"], ["my_networks.py, line 88, takes gradients by requires_grad_; take them by torch.func.grad"]),
    ],
)
def test_what_an_ensemble_cannot_stack_is_said_in_one_line(options: list[str], words: list[str], capfd) -> None:
    assert run("run", "trainer.max_iterations=2", *options) == 0, capfd.readouterr().err
    capfd.readouterr()
    assert run("stacked", "trainer.max_iterations=2", "ensemble=2", *options) == 1
    error = capfd.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
    assert [word for word in words if word not in error] == [], error


def test_a_term_of_g_may_look_at_g_and_at_the_progress(tmp_path: Path, capfd) -> None:
    assert run("run", "trainer.max_iterations=4", "trick=ramp") == 0, capfd.readouterr().err
    terms = [row["train/g_ramp"] for row in metric_rows(tmp_path / "run") if "train/g_ramp" in row]
    assert terms == pytest.approx([0, 0.25, 0.5, 0.75])


def test_a_term_may_come_every_fourth_time(tmp_path: Path, capfd) -> None:
    for every in (8, 1):
        options = (f"trainer.log_every={every}", "trainer.max_iterations=8", "trick=lazy")
        assert run(f"run{every}", *options) == 0, capfd.readouterr().err
    found, *others = [row["train/d_lazy"] for row in metric_rows(tmp_path / "run8") if "train/d_lazy" in row]
    each = [row["train/d_lazy"] for row in metric_rows(tmp_path / "run1") if "train/d_lazy" in row]
    assert len(each) == 2 and found == pytest.approx(sum(each) / 8, rel=1e-5) and not others


def test_looking_at_samples_does_not_change_the_training(tmp_path: Path, capfd) -> None:
    """Though the networks' dropout draws from PyTorch's own generator, and their norms keep statistics."""
    short = ("model._target_=my_networks.Moody", "~model.dropout", "trainer.max_iterations=4", "trick=none")
    for name, callbacks in (("seen", "[checkpoints,samples,collapse]"), ("unseen", "[checkpoints]")):
        assert run(name, *short, f"callbacks={callbacks}", "trainer.eval_every=1") == 0, capfd.readouterr().err
    seen, unseen = (last_checkpoint(tmp_path / name)["state_dict"] for name in ("seen", "unseen"))
    assert_equal(seen, unseen)
    assert seen["generator.hidden.1.num_batches_tracked"] > 0


def test_members_of_a_network_with_tied_weights_and_drawn_parameters_are_the_runs_alone(tmp_path: Path, capfd) -> None:
    short = ("model._target_=my_networks.Tied", "~model.dropout", "trainer.max_iterations=2", "optim.eps=1e-3")
    assert run("both", *short, "ensemble=2") == 0, capfd.readouterr().err
    both = last_checkpoint(tmp_path / "both")["state_dict"]
    for i, seed in enumerate((1, 2)):
        assert run(f"alone{i}", *short, f"seed={seed}", f"data.seed={seed}") == 0, capfd.readouterr().err
        alone = last_checkpoint(tmp_path / f"alone{i}")["state_dict"]
        for name, value in alone.items():
            torch.testing.assert_close(both[name][i] if value.ndim else both[name], value, rtol=1e-3, atol=1e-4)
    assert torch.equal(both["discriminator.body.1.weight"], both["discriminator.body.3.weight"])
    assert (both["generator.hidden.1.by"][0] - both["generator.hidden.1.by"][1]).norm() > 1
