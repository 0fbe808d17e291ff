"""The configuration: every option composes, in every combination, and means what it says."""

from __future__ import annotations

import dataclasses
import itertools
import random
from pathlib import Path

import pytest
from lightning.pytorch import Callback
from omegaconf import OmegaConf

from ssgan.config import build, config_folder
from ssgan.errors import ConfigError
from ssgan.networks import MLP, Conv
from ssgan.training_options import Average, Objective, Optim, RunOptions, TrainerOptions
from ssgan.tricks import FeatureMatching, Trick
from tests.runs import REPOSITORY, TRICKS, compose_run, composed, options, preset

GROUPS = sorted(folder.name for folder in (REPOSITORY / "conf").iterdir() if folder.is_dir())


def choice(group: str, option: str) -> list[str]:
    """Overrides that choose an option, with what it cannot do without."""
    return [f"{group}={option}", *(["data.path=x"] if option in ("folder", "table", "arrays", "folder_small") else [])]


def test_the_groups_of_the_specification_are_there():
    assert set(GROUPS) >= {"data", "model", "trick", "optim", "trainer", "callbacks", "logger", "experiment", "debug"}
    assert set(options("trick")) >= {*TRICKS, "none"}
    assert set(options("data")) >= {"digits", "mnist", "svhn", "cifar10", "folder", "table", "arrays"}
    assert set(options("trainer")) >= {"cpu", "gpu", "ddp"}
    assert options("experiment") and options("debug")


#: What is paired below: of the techniques only the paper's, for networks and data say how these are set.
PAIRED = {
    group: options(group) for group in ("data", "model", "optim", "trainer", "objective", "callbacks", "logger")
} | {"trick": ["none", *TRICKS]}


@pytest.mark.parametrize(
    ("group", "option"),
    [(group, option) for group in GROUPS for option in options(group) if option not in PAIRED.get(group, ())],
)
def test_every_option_of_every_group_is_accepted(group: str, option: str, tmp_path: Path):
    config = compose_run(tmp_path, *choice(group, option))
    assert config.run_dir == str(tmp_path) and config.overrides == choice(group, option)
    assert OmegaConf.create(config.resolved) == config.resolved, "the resolved configuration must be plain values"


def covering_array(choices: dict[str, list[str]]) -> list[dict[str, str]]:
    """Rows of one option a group such that every pair of options of two groups occurs in one of them."""
    rng = random.Random(0)
    pairs = {
        ((g, a), (h, b)) for g, h in itertools.combinations(sorted(choices), 2) for a in choices[g] for b in choices[h]
    }
    rows = []
    while pairs:
        first = dict(rng.choice(sorted(pairs)))
        candidates = [{g: first.get(g) or rng.choice(v) for g, v in choices.items()} for _ in range(50)]
        covered = [set(itertools.combinations(sorted(row.items()), 2)) for row in candidates]
        best = max(range(50), key=lambda i: len(covered[i] & pairs))
        rows.append(candidates[best])
        pairs -= covered[best]
    return rows


def test_every_two_options_of_two_groups_go_together(tmp_path: Path):
    for row in covering_array(PAIRED):
        overrides = [override for group, option in row.items() for override in choice(group, option)]
        config = compose_run(tmp_path, *overrides)
        assert config.data.name == row["data"], row
        assert config.tricks.names == ([] if row["trick"] == "none" else [row["trick"]]), row
        assert (config.logger == {}) == (row["logger"] == "none"), row
        assert bool(config.objective.unlabelled_weight) == (row["objective"] != "supervised"), row
        assert OmegaConf.create(config.resolved) == config.resolved, row


@pytest.mark.parametrize("size", range(1, len(TRICKS) + 1))
def test_any_subset_of_the_techniques_composes_whatever_the_order(size: int, tmp_path: Path):
    for subset in itertools.combinations(TRICKS, size):
        config = compose_run(tmp_path, f"trick=[{','.join(reversed(subset))}]")
        assert config.tricks.names == sorted(subset)


def test_the_order_of_the_techniques_changes_nothing(tmp_path: Path):
    orders = [list(TRICKS), list(reversed(TRICKS)), [*TRICKS[2:], *TRICKS[:2]]]
    configs = [compose_run(tmp_path, f"trick=[{','.join(order)}]") for order in orders]
    for config in configs[1:]:
        assert config.tricks.names == configs[0].tricks.names and config.resolved == configs[0].resolved


@pytest.mark.parametrize("given", ["trick=none", "trick=[]", "trick=[none]"])
def test_no_technique(given: str, tmp_path: Path):
    config = compose_run(tmp_path, given)
    assert config.tricks.names == [] and config.tricks.real_target == 1.0


def test_none_in_a_list_adds_nothing(tmp_path: Path):
    assert compose_run(tmp_path, "trick=[none,label_smoothing]").tricks.names == ["label_smoothing"]


def test_the_default_is_feature_matching_on_the_digits(tmp_path: Path):
    config = compose_run(tmp_path)
    assert config.tricks.names == ["feature_matching"] and config.data.name == "digits"
    assert set(config.logger) == {"csv", "tensorboard"}
    assert config.trainer.precision == "32" and config.run == RunOptions(seed=1, ckpt_path=None)


# --- what options mean -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", options("data"))
def test_the_data_chooses_the_recipe_and_an_explicit_choice_outranks_it(data: str, tmp_path: Path):
    recipe = compose_run(tmp_path, *choice("data", data))
    wide = ("model=mlp_small", "optim=digits")
    for overrides in ([*choice("data", data), *wide], [*wide, *choice("data", data)]):
        config = compose_run(tmp_path, *overrides)
        assert config.model == compose_run(tmp_path, "model=mlp_small").model
        assert config.optim == compose_run(tmp_path, "optim=digits").optim
    expected = {"mnist": MLP, "digits": MLP}.get(data, Conv)
    assert type(recipe.model) is expected


@pytest.mark.parametrize(
    ("data", "lr", "epochs", "published"),
    [
        ("mnist", 3e-3, 300, lambda epoch: 1.0),
        ("svhn", 3e-4, 900, lambda epoch: min(3 - epoch / 300, 1)),
        ("cifar10", 3e-4, 1200, lambda epoch: min(3 - epoch / 400, 1)),
    ],
)
def test_the_published_learning_rates(data: str, lr: float, epochs: int, published, tmp_path: Path):
    config = compose_run(tmp_path, f"data={data}")
    assert config.optim.lr == lr and config.trainer.max_epochs == epochs and config.optim.interval == "epoch"
    for epoch in (0, 1, epochs // 2, 2 * epochs // 3, 2 * epochs // 3 + 1, epochs - 50, epochs - 1):
        assert config.optim.lr_factor(epoch / epochs) == pytest.approx(published(epoch)), epoch
    o = config.optim
    assert (o.beta1, o.beta2, o.eps, o.eps_root) == (0.5, 0.999, 0.0, 1e-8)
    assert config.optim.average.rate == 1e-4
    assert config.data.batch_size == 100 and config.model.z_dim == 100 and config.data.include_labelled


@pytest.mark.parametrize(
    ("data", "labels", "sizes", "norm", "pixels"),
    [
        ("mnist", 100, ([500, 500], [1000, 500, 250, 250, 250]), "l2", (0.0, 255.0)),
        ("svhn", 1000, ([512, 256, 128], [64, 128]), "l1", (127.5, 127.5)),
        ("cifar10", 4000, ([512, 256, 128], [96, 192]), "l1", (127.5, 128.0)),
    ],
)
def test_the_published_networks(data: str, labels: int, sizes, norm: str, pixels, tmp_path: Path):
    config = compose_run(tmp_path, f"data={data}")
    model = config.model
    if data == "mnist":
        assert (model.generator_hidden, model.discriminator_hidden) == sizes
        assert (model.input_noise, model.hidden_noise) == (0.3, 0.5)
    else:
        assert (model.generator_widths, model.discriminator_widths) == sizes
        assert (model.input_dropout, model.input_noise, model.hidden_dropout) == (0.2, 0.0, 0.5)
    assert config.data.num_labels == labels
    assert (model.pixel_offset, model.pixel_divisor) == pixels
    assert build(config.resolved["trick"]["feature_matching"], Trick, "trick.feature_matching") == FeatureMatching(norm)


def test_the_techniques_have_the_papers_values(tmp_path: Path):
    tricks = compose_run(tmp_path, "data=mnist", f"trick=[{','.join(TRICKS)}]").resolved["trick"]
    assert tricks["label_smoothing"]["alpha"] == 0.9
    assert tricks["historical_averaging"]["weight"] == 1.0
    assert (tricks["minibatch_discrimination"]["kernels"], tricks["minibatch_discrimination"]["dim"]) == (100, 5)
    assert tricks["minibatch_discrimination"]["include_self"] is False
    assert tricks["virtual_batch_norm"]["eps"] == 1e-5


@pytest.mark.parametrize("experiment", options("experiment"))
def test_a_preset_yields_to_the_command_line(experiment: str, tmp_path: Path):
    given = ("optim.epochs=7", "optim.length=1", "data.num_labels=40", "seed=5")
    config = compose_run(tmp_path, *preset(experiment), *given)
    assert config.trainer.max_epochs == 7 and config.data.num_labels == 40 and config.run.seed == 5


@pytest.mark.parametrize("experiment", options("experiment"))
def test_a_presets_file_states_its_command(experiment: str):
    text = (REPOSITORY / "conf" / "experiment" / f"{experiment}.yaml").read_text()
    assert f"experiment={experiment}" in text


def test_the_length_of_the_recipe_is_the_default_of_the_trainer(tmp_path: Path):
    assert compose_run(tmp_path, "optim.epochs=12").trainer.max_epochs == 12
    assert compose_run(tmp_path, "optim.epochs=12", "trainer.max_epochs=3").trainer.max_epochs == 3
    assert compose_run(tmp_path, "optim.epochs=12", "trainer.max_epochs=3").optim.epochs == 12


def test_the_data_folder_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert compose_run(tmp_path, "data=mnist").data.root is None
    monkeypatch.setenv("SSGAN_DATA", str(tmp_path / "sets"))
    assert compose_run(tmp_path, "data=mnist").data.root_path == tmp_path / "sets"
    monkeypatch.chdir(tmp_path)
    assert compose_run(tmp_path, "data=mnist", "data.root=here").data.root == str(tmp_path / "here"), (
        "from elsewhere too"
    )


@pytest.mark.parametrize(
    ("group", "option", "cls"),
    [
        ("objective", "semi_supervised", Objective),
        ("trainer", "default", TrainerOptions),
        ("model", "mlp", MLP),
        ("model", "conv", Conv),
    ],
)
def test_yaml_and_dataclass_have_the_same_keys_and_defaults(group: str, option: str, cls: type, tmp_path: Path):
    node = compose_run(tmp_path, f"{group}={option}").resolved[group]
    node.pop("_target_", None)
    defaults = dataclasses.asdict(cls())
    if group == "trainer":
        defaults["max_epochs"] = 150  # optim.epochs times optim.length, of the digits here
    assert node == defaults


def test_the_optimisers_yaml_has_the_defaults_of_its_dataclass(tmp_path: Path):
    """But for Adam's constant: older configurations, which have no ``eps_root``, had it beside the root alone."""
    assert compose_run(tmp_path, "optim=mnist").optim == Optim(average=Average(), eps=0.0, eps_root=1e-8)


def test_the_configuration_lies_beside_the_package_in_a_checkout():
    assert (config_folder() / "train.yaml").is_file()


def test_composing_leaves_the_configuration_unresolved_for_cfg_job(tmp_path: Path):
    assert OmegaConf.to_container(composed(tmp_path), resolve=False)["trainer"]["max_epochs"] == (
        "${part:${optim.epochs},${optim.length}}"
    )


def test_a_class_of_lightning_gets_plain_dictionaries_and_its_refusal_is_one_line() -> None:
    """Timer tells a duration that is a dictionary from one that is a text."""
    node = {"_target_": "lightning.pytorch.callbacks.Timer", "duration": {"seconds": 90}}
    assert build(node, Callback, "callbacks.timer").time_remaining() == 90
    with pytest.raises(ConfigError, match=r"callbacks\.timer: .*weeks") as error:
        build(node | {"interval": "weeks"}, Callback, "callbacks.timer")
    assert "\n" not in str(error.value)
