"""A sixth technique: one YAML and one small class of the user's own, and no other file is opened."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from tests.runs import TINY, assert_equal, chosen, command, last_checkpoint, metric_rows

YAML = """\
# G matches the second moment of D's features too.
second_moment:
  _target_: my_tricks.SecondMoment
  weight: 0.5
"""
CLASS = """\
from dataclasses import dataclass

from ssgan.checks import positive
from ssgan.tricks import Trick


@dataclass
class SecondMoment(Trick):
    weight: float = 1.0
    uses_real_features = True

    def __post_init__(self):
        positive("trick.second_moment.weight", self.weight)

    def generator_penalty(self, step):
        real, fake = (output.features.float().square().mean(0) for output in (step.real, step.fake))
        return self.weight * (fake - real).abs().mean()


@dataclass
class LogitDecay(Trick):
    weight: float = 1.0

    def discriminator_penalty(self, step):
        return self.weight * step.unlabelled.logits.float().square().mean()


@dataclass
class Critic(Trick):
    # A network of torch's own layers learns with G what D says of G's images.

    def generator_companion(self, architecture, image_shape):
        from torch import nn

        pixels = image_shape[0] * image_shape[1] * image_shape[2]
        return nn.Sequential(nn.Flatten(), nn.Linear(pixels, 4), nn.LayerNorm(4), nn.Linear(4, 1))

    def generator_penalty(self, step):
        said = step.fake.logits.float().logsumexp(1).detach()
        return (step.companion(step.fake_images)[:, 0] - said).square().mean()


@dataclass
class LeastSquares(Trick):
    # D's loss is that of LSGAN, by a layer of its own that learns with D, with start values from data; and so is G's.

    def discriminator_companion(self, num_features, image_shape):
        from ssgan.layers import WeightNormLinear

        return WeightNormLinear(num_features, 1, trainable_gain=True)

    def discriminator_objective(self, step):
        real, fake = (step.companion(output.features).float() for output in (step.unlabelled, step.fake))
        return 0.5 * ((real - 1).square().mean() + fake.square().mean())

    def generator_objective(self, step):
        return 0.5 * (step.discriminator_companion(step.fake.features).float() - 1).square().mean()
"""
OTHER = """\
logit_decay: {_target_: my_tricks.LogitDecay, weight: 0.001}
"""
CRITIC = """\
critic: {_target_: my_tricks.Critic}
"""
LEAST_SQUARES = """\
least_squares: {_target_: my_tricks.LeastSquares}
"""


@pytest.fixture(autouse=True)
def extension(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's folder, as PYTHONPATH and --config-dir give it."""
    (tmp_path / "mine" / "trick").mkdir(parents=True)
    (tmp_path / "mine" / "trick" / "second_moment.yaml").write_text(YAML)
    (tmp_path / "mine" / "trick" / "logit_decay.yaml").write_text(OTHER)
    (tmp_path / "mine" / "trick" / "critic.yaml").write_text(CRITIC)
    (tmp_path / "mine" / "trick" / "least_squares.yaml").write_text(LEAST_SQUARES)
    (tmp_path / "my_tricks.py").write_text(CLASS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    sys.modules.pop("my_tricks", None)


def run(name: str, *overrides: str) -> int:
    short = (*TINY, "logger=csv", "trainer.log_every=1", "trainer.max_iterations=3", f"hydra.run.dir={name}")
    return command("--config-dir=mine", *short, *overrides)


def columns(run_dir: Path) -> set[str]:
    return {key for row in metric_rows(run_dir) for key in row if key.startswith("train/")}


def test_a_technique_of_ones_own_trains_and_its_term_is_logged(tmp_path: Path, capfd):
    assert run("one", "trick=second_moment") == 0, capfd.readouterr().err
    assert {"train/g_adversarial", "train/g_second_moment"} <= columns(tmp_path / "one")
    assert all(row["train/g_second_moment"] > 0 for row in metric_rows(tmp_path / "one") if len(row) > 2)
    assert run("two", "trick=logit_decay") == 0
    assert "train/d_logit_decay" in columns(tmp_path / "two")


def test_a_network_of_ones_own_learns_with_the_generator_and_its_start_follows_the_seed(tmp_path: Path, capfd):
    torch.manual_seed(1)
    assert run("first", "trick=critic") == 0, capfd.readouterr().err
    torch.manual_seed(2)
    assert run("again", "trick=critic") == 0 and run("ensemble", "trick=critic", "ensemble=2") == 0
    first, again, member = (
        last_checkpoint(tmp_path / name)["state_dict"] for name in ("first", "again", "ensemble/members/1")
    )
    weights = [name for name in first if name.startswith("companions.critic.")]
    assert len(weights) == 6
    assert_equal({name: first[name] for name in weights}, {name: again[name] for name in weights})
    for name in weights:
        torch.testing.assert_close(member[name], first[name], rtol=1e-3, atol=1e-5)
    terms = [row["train/g_critic"] for row in metric_rows(tmp_path / "first") if "train/g_critic" in row]
    assert terms[-1] != terms[0]


def test_a_loss_and_a_network_of_ones_own_for_the_discriminator(tmp_path: Path, capfd):
    trick = ("trick=least_squares", "objective.unlabelled_weight=0.5", "optim.average.rate=0.5")
    assert run("first", *trick) == 0, capfd.readouterr().err
    assert run("again", *trick, "trainer.max_iterations=2") == 0
    assert run("again", *trick, "ckpt_path=last") == 0 and run("ensemble", *trick, "ensemble=2") == 0
    terms = {"train/d_labelled", "train/d_least_squares", "train/g_least_squares"}
    assert columns(tmp_path / "first") == {*terms, "train/d_loss", "train/g_loss", "train/lr"}
    first, again, member = (
        last_checkpoint(tmp_path / name)["state_dict"] for name in ("first", "again", "ensemble/members/1")
    )
    assert_equal(first, again)
    layer = "discriminator.companions.least_squares."
    assert {name.removeprefix(layer) for name in first if name.startswith(layer)} == {"weight", "gain", "bias"}
    for name in first:
        torch.testing.assert_close(member[name], first[name], rtol=1e-3, atol=1e-5)
    averaged = [name for name in first if name.startswith("average.network.companions.least_squares.")]
    assert len(averaged) == 3, "the average of D has it too"


def test_it_goes_with_all_the_others_in_any_order(tmp_path: Path, capfd):
    ours = (
        "label_smoothing",
        "feature_matching",
        "historical_averaging",
        "minibatch_discrimination",
        "virtual_batch_norm",
    )
    assert run("first", *chosen("second_moment", *ours, "logit_decay")) == 0, capfd.readouterr().err
    assert run("last", *chosen("logit_decay", *reversed(ours), "second_moment")) == 0
    first, last = last_checkpoint(tmp_path / "first"), last_checkpoint(tmp_path / "last")
    assert_equal(first["state_dict"], last["state_dict"])
    assert {"train/g_second_moment", "train/g_feature_matching", "train/d_logit_decay"} <= columns(tmp_path / "first")


def test_its_hyper_parameter_is_set_as_any_other(tmp_path: Path, capfd):
    assert run("half", "trick=second_moment") == 0
    assert run("triple", "trick=second_moment", "trick.second_moment.weight=1.5") == 0
    half, triple = (
        next(row["train/g_second_moment"] for row in metric_rows(tmp_path / name) if len(row) > 2)
        for name in ("half", "triple")
    )
    assert triple == pytest.approx(3 * half, rel=1e-4), "in the first iteration the term is proportional to its weight"


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("trick.second_moment.weight=0", ["trick.second_moment.weight=0", "greater than 0"]),
        ("trick.second_moment.weight=big", ["trick.second_moment.weight", "'big'"]),
        ("trick.second_moment.wait=1", ["'wait'", "did you mean 'weight'"]),
        ("trick.second_moment._target_=my_tricks.Missing", ["my_tricks.Missing"]),
    ],
)
def test_its_errors_are_one_line_too(override: str, parts: list[str], capfd):
    assert run("wrong", "trick=second_moment", override) != 0
    err = capfd.readouterr().err
    assert err.startswith("error: ") and err.count("\n") == 1
    assert [part for part in parts if part not in err] == [], err


def test_it_is_among_the_choices_that_are_listed(capfd):
    assert run("wrong", "trick=third_moment") != 0
    err = capfd.readouterr().err
    assert "second_moment" in err and "feature_matching" in err


@pytest.mark.parametrize("path", ["file://{}/mine", "pkg://mine"])
def test_a_folder_of_hydra_s_search_path_is_looked_at_too(path: str, tmp_path: Path, capfd):
    search = f"hydra.searchpath=[{path.format(tmp_path)}]"
    assert command(search, "trick=[second_moment,third_moment]", f"hydra.run.dir={tmp_path}/run") != 0
    err = capfd.readouterr().err
    assert "unknown trick 'third_moment'" in err and "did you mean 'second_moment'" in err and "logit_decay" in err


def test_a_module_that_cannot_be_imported_says_why(tmp_path: Path, capfd):
    (tmp_path / "my_tricks.py").write_text("import not_installed_anywhere\n")
    assert run("wrong", "trick=second_moment") != 0
    err = capfd.readouterr().err
    assert err.count("\n") == 1 and "my_tricks" in err and "not_installed_anywhere" in err


@pytest.mark.parametrize(
    ("code", "error"),
    [("1 / 0", "ZeroDivisionError"), ("def f(:", "SyntaxError")],
    ids=["error in the module", "syntax error"],
)
def test_a_defect_in_the_users_module_is_shown_where_it_is(code: str, error: str, tmp_path: Path, capfd):
    """Either one line that names the module and the error, or the traceback of the defect; never silence."""
    (tmp_path / "my_tricks.py").write_text(code + "\n")
    try:
        status = run("wrong", "trick=second_moment")
    except (ZeroDivisionError, SyntaxError) as raised:
        assert type(raised).__name__ == error
        return
    assert status != 0 and "my_tricks" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [("a: b: c\n", "mapping values are not allowed here"), ("a: [1, 2\n", "expected ',' or ']'"), ("a: \0", "special")],
)
@pytest.mark.parametrize("flags", [(), ("--cfg", "job")], ids=["run", "show"])
def test_a_file_that_is_no_yaml_is_named_in_one_line(
    content: str, message: str, flags: tuple[str, ...], tmp_path: Path, capfd
):
    (tmp_path / "mine" / "trick" / "broken.yaml").write_text(content)
    assert command("--config-dir=mine", "trick=broken", *flags) == 2
    error = capfd.readouterr().err
    assert message in error and "broken.yaml" in error and len(error.splitlines()) == 1
