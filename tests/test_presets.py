"""Presets: the values that were published, and a few iterations of each on files of the right format."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from omegaconf import OmegaConf

from ssgan.config import TrainConfig
from ssgan.networks import MLP
from tests.fake_data import write_cifar10, write_mnist, write_svhn
from tests.runs import QUIET, REPOSITORY, TINY_CONV, TINY_MLP, compose_run, options, preset, train
from tests.shape_files import CLASSES, write_shapes

PRESETS = options("experiment")
#: The paper's tables: data set and labels.
TABLES = {"mnist": (20, 50, 100, 200), "svhn": (500, 1000, 2000), "cifar10": (1000, 2000, 4000, 8000)}
PUBLISHED = [(data, labels) for data, row in TABLES.items() for labels in row]

#: What RESULTS.md says of each command.
TASKS: Any = OmegaConf.to_container(OmegaConf.load(REPOSITORY / "results" / "tables.yaml"))
ROWS: list[dict[str, Any]] = [row for task in TASKS.values() for row in task["rows"]]

#: What tells runs of the published recipe before December 2026 from it: where Adam has its constant.
NEAR = " optim.eps=1e-4 optim.eps_root=null"

#: For each data set, what the authors ran: epochs, rate, where it begins to fall, widths of D, norm, pixels.
RECIPE = {
    "mnist": (300, 3e-3, 1.0, [1000, 500, 250, 250, 250], "l2", (0.0, 255.0)),
    "svhn": (900, 3e-4, 2 / 3, [64, 128], "l1", (127.5, 127.5)),
    "cifar10": (1200, 3e-4, 2 / 3, [96, 192], "l1", (127.5, 128.0)),
}


@pytest.mark.parametrize(("data", "labels"), PUBLISHED)
def test_the_published_recipes(data: str, labels: int, tmp_path: Path):
    config = compose_run(tmp_path, f"experiment={data}_{labels}")
    epochs, lr, flat, widths, norm, pixels = RECIPE[data]
    assert (config.data.name, config.data.num_labels, config.data.num_val) == (data, labels, 0)
    assert config.trainer.max_epochs == epochs and config.trainer.max_iterations is None
    o = config.optim
    assert (o.lr, o.beta1, o.beta2, o.eps, o.eps_root, o.clip_norm) == (lr, 0.5, 0.999, 0.0, 1e-8, None)
    assert o.flat == pytest.approx(flat) and o.interval == "epoch" and o.length == 1
    assert o.average.rate == 1e-4 and not o.average.generator
    resolved = config.resolved
    model = resolved["model"]
    assert (model["pixel_offset"], model["pixel_divisor"]) == pixels and model["z_dim"] == 100
    if data == "mnist":
        assert model["generator_hidden"] == [500, 500] and model["discriminator_hidden"] == widths
        assert (model["input_noise"], model["hidden_noise"]) == (0.3, 0.5)
    else:
        assert model["generator_widths"] == [512, 256, 128] and model["discriminator_widths"] == widths
        assert (model["input_dropout"], model["input_noise"], model["hidden_dropout"]) == (0.2, 0.0, 0.5)
        assert model["pool"] == "mean"
    assert config.tricks.names == ["feature_matching"] and resolved["trick"]["feature_matching"]["norm"] == norm
    assert (config.objective.d_steps, config.objective.g_steps, config.objective.unlabelled_weight) == (1, 1, 1.0)
    assert config.data.batch_size == 100 and config.data.include_labelled
    assert not config.data.augment.changes


def test_there_is_a_preset_for_each_column_of_the_papers_tables_and_it_says_how_to_run_it():
    assert {f"{data}_{labels}" for data, labels in PUBLISHED} <= set(PRESETS)
    for name in PRESETS:
        text = (REPOSITORY / "conf" / "experiment" / f"{name}.yaml").read_text()
        head = [line for line in text.splitlines() if line.startswith("#")]
        assert any(f"python -m ssgan.train experiment={name}" in line for line in head), name
        assert any("iterations" in line for line in head) and any("GPU" in line or "CPU" in line for line in head), name
        assert any("not timed" in line or "hour" in line for line in head), f"{name} must say how long it takes"
        said = [line for line in head if "rror" in line]
        assert said, f"{name} must say with what error"
        rows = [row for row in ROWS if row["command"].removesuffix(NEAR) == f"experiment={name}"]
        published = [row["paper"] for row in rows if row["paper"] != "–"]
        for figure in (re.findall(r"[\d.]+ ± [\d.]+", text)[0] for text in published):
            assert any(figure in line for line in said), f"{name}: {figure} is what RESULTS.md says"


def test_the_readme_lists_every_preset_with_the_error_that_its_file_states():
    section = (REPOSITORY / "README.md").read_text().partition("\n## Presets\n")[2].partition("\n## ")[0]
    listed = []
    for row in [
        line for line in section.splitlines() if line.startswith(("| `", "| **`")) and "`experiment=`" not in line
    ]:
        cells = row.strip("|").split("|")
        names = [name.split()[0] for name in re.findall(r"`([^`]+)`", cells[0])]
        names = [name if name[0] != "_" else names[0].rpartition("_")[0] + name for name in names]
        heads = [(REPOSITORY / "conf" / "experiment" / f"{name}.yaml").read_text() for name in names]
        for figure in re.findall(r"[\d.]+ ± [\d.]+", cells[-1]):
            assert any(figure in head for head in heads), f"{names}: {figure}"
        listed += [*names, *(name for name in re.findall(r"`([^`]+)`", cells[1]) if name in PRESETS)]
    assert sorted(listed) == sorted(PRESETS)


@pytest.mark.parametrize("name", ["svhn_1000_minibatch", "cifar10_4000_minibatch"])
def test_the_published_recipe_of_minibatch_discrimination(name: str, tmp_path: Path):
    config = compose_run(tmp_path, f"experiment={name}")
    model, head = config.resolved["model"], config.resolved["trick"]["minibatch_discrimination"]
    assert config.tricks.names == ["minibatch_discrimination"]
    assert (head["kernels"], head["dim"], head["include_self"]) == (100, 5, False)
    assert (model["input_dropout"], model["input_noise"], model["discriminator_widths"]) == (0.0, 0.2, [96, 192])
    assert (config.objective.generator_loss, config.objective.d_steps, config.objective.g_steps) == ("saturating", 1, 3)
    epochs, lr, flat, _, _, pixels = RECIPE[config.data.name]
    assert (config.trainer.max_epochs, config.optim.lr, config.optim.flat) == (epochs, lr, pytest.approx(flat))
    assert (model["pixel_offset"], model["pixel_divisor"]) == pixels and model["hidden_dropout"] == 0.5
    assert config.data.batch_size == 100 and config.optim.average.rate == 1e-4
    assert (config.optim.eps, config.optim.eps_root) == (0.0, 1e-8)


def test_the_settings_of_the_successors(tmp_path: Path):
    bad = compose_run(tmp_path, "experiment=svhn_1000_bad_gan")
    assert bad.tricks.names == ["conditional_entropy", "feature_matching", "pull_away"]
    trick = bad.resolved["trick"]
    assert (trick["pull_away"]["weight"], trick["conditional_entropy"]["weight"]) == (0.8, 0.1)
    assert trick["feature_matching"]["norm"] == "l1" and bad.data.num_labels == 1000
    assert bad.optim.average.rate == 1.0 and bad.optim.flat == pytest.approx(2 / 3) and bad.data.batch_size == 64
    assert [bad.optim.lr_at(epoch, 1, 900) for epoch in (0, 600, 750, 870, 899)] == [
        pytest.approx(max(1e-4, 1e-3 * min(3 * (1 - epoch / 900), 1))) for epoch in (0, 600, 750, 870, 899)
    ]
    d, g = bad.optim.for_player("discriminator"), bad.optim.for_player("generator")
    assert (d.beta1, g.beta1, g.lr, g.eps, g.eps_root) == (0.5, 0.0, 1e-3, 1e-8, None)
    model = bad.resolved["model"]
    assert (model["input_noise"], model["input_dropout"], model["hidden_dropout"]) == (0.05, 0.15, 0.5)
    assert model["drop_channels"] == "all" and model["discriminator_widths"] == [64, 128]
    bad = compose_run(tmp_path, "experiment=cifar10_4000_bad_gan")
    assert bad.tricks.names == ["feature_matching", "variational_entropy"]
    assert bad.resolved["trick"]["variational_entropy"]["weight"] == 0.01 and bad.data.num_labels == 4000
    d, g = bad.optim.for_player("discriminator"), bad.optim.for_player("generator")
    assert (d.lr, d.beta1, g.lr, g.beta1, g.eps, g.eps_root) == (6e-4, 0.5, 3e-4, 0.0, 1e-8, None)
    assert bad.data.batch_size == 100
    assert bad.optim.average.rate == 1.0 and bad.trainer.max_epochs == 1200 and bad.optim.lr_factor(0.9) < 0.31
    model = bad.resolved["model"]
    assert (model["input_noise"], model["input_dropout"], model["hidden_dropout"]) == (0.05, 0.2, 0.5)
    assert model["drop_channels"] == "input" and model["discriminator_widths"] == [96, 192]
    assert (model["pixel_offset"], model["pixel_divisor"]) == (127.5, 127.5)
    manifold = compose_run(tmp_path, "experiment=cifar10_4000_manifold")
    assert manifold.tricks.names == ["feature_matching", "manifold_regularisation"]
    trick = manifold.resolved["trick"]["manifold_regularisation"]
    assert (trick["weight"], trick["epsilon"]) == (1e-3, 20.0) and manifold.data.num_labels == 4000
    assert (manifold.data.batch_size, manifold.trainer.max_epochs, manifold.optim.average.rate) == (25, 1400, 1e-4)
    assert manifold.optim.lr_at(1200, 1, 1400) == 3e-4 and manifold.optim.lr_at(1300, 1, 1400) == pytest.approx(1.5e-4)
    assert (manifold.data.augment.flip, manifold.data.augment.shift) == (True, 2)
    assert manifold.resolved["model"]["pool"] == "max"
    assert (manifold.optim.eps, manifold.optim.eps_root) == (1e-8, None)
    digits = compose_run(tmp_path, "experiment=svhn_1000_manifold")
    assert (digits.optim.eps, digits.optim.eps_root) == (1e-8, None)
    assert digits.resolved["trick"] == manifold.resolved["trick"] and digits.data.num_labels == 1000
    assert (digits.data.batch_size, digits.trainer.max_epochs, digits.optim.average.rate) == (50, 400, 1e-4)
    assert [digits.optim.lr_at(epoch, 1, 400) for epoch in (0, 200, 399)] == [3e-4] * 3
    assert not digits.data.augment.changes and digits.resolved["model"]["pool"] == "max"
    assert digits.resolved["model"]["discriminator_widths"] == [96, 192]
    assert digits.resolved["model"]["pixel_divisor"] == 127.5


def test_the_combination_for_dense_networks_is_the_one_that_was_chosen(tmp_path: Path):
    """The settings of the row of results/mnist_100_dense/held_out_5000.csv that was taken."""
    config = compose_run(tmp_path, "experiment=mnist_100_dense", "schedule=short")
    assert config.tricks.names == ["consistency", "feature_matching", "virtual_batch_norm"]
    consistency = config.resolved["trick"]["consistency"]
    assert (consistency["weight"], consistency["teacher"], consistency["shift"]) == (1.0, "average", 0)
    assert (config.data.augment.shift, config.data.augment.flip, config.data.num_labels) == (2, False, 100)
    assert config.optim.average.rate / config.optim.length == pytest.approx(1e-3) and config.optim.flat == 0.5


def test_the_convolutional_combination_is_the_one_with_the_least_held_out_error(tmp_path: Path):
    """Of the rows of results/mnist_100_conv/held_out.csv that have its networks, where all of them still ran."""
    rows = pd.read_csv(REPOSITORY / "results" / "mnist_100_conv" / "held_out.csv").fillna({"options": ""})
    rows = rows[~rows.options.str.contains("widths")]
    best = rows.loc[rows.error_1000.idxmin()]
    chosen = compose_run(tmp_path, "experiment=mnist_100_conv")
    assert best.techniques == "+".join(chosen.tricks.names)
    tried = compose_run(tmp_path, "experiment=mnist_100_conv", *best.options.split())
    assert tried.resolved["trick"] == chosen.resolved["trick"] and tried.resolved["model"] == chosen.resolved["model"]
    assert (tried.optim.lr, tried.optim.flat, tried.optim.interval) == (1e-3, 0.5, "iteration")
    assert (chosen.optim.lr, chosen.optim.flat, chosen.optim.interval) == (1e-3, 0.5, "iteration")
    assert (chosen.data.batch_size, chosen.data.num_labels, chosen.data.augment.shift) == (50, 100, 2)


def test_of_the_techniques_beside_feature_matching_the_small_preset_has_the_one_with_the_least_held_out_error(
    tmp_path: Path,
):
    """Of those tried alone; the labels alone are no GAN."""
    rows = pd.read_csv(REPOSITORY / "results" / "cifar10_1000_small" / "held_out.csv").fillna({"options": ""})
    rows = rows[rows.techniques.str.contains("feature_matching")]
    alone = rows[rows.techniques.str.count(r"\+") <= 1]
    assert len(alone) >= 7
    chosen = compose_run(tmp_path, "experiment=cifar10_1000_small")
    assert set(alone.loc[alone.error_2000.idxmin()].techniques.split("+")) == set(chosen.tricks.names)


def test_the_changed_views_are_those_with_the_least_held_out_error(tmp_path: Path):
    """Of split 11 those that got as far as 1,600 iterations, then of split 5 all at the end."""
    folder = REPOSITORY / "results" / "mnist_100_views"
    rows = pd.read_csv(folder / "held_out.csv").dropna(subset="error_1600")
    views = rows.loc[rows.error_1600.idxmin()]
    assert len(rows) >= 5 and "optim" not in "".join(rows.options), "compared under one schedule"
    added = pd.read_csv(folder / "held_out_split_5.csv").fillna({"options": ""})
    assert added.techniques[0] == views.techniques and added.options[0] == "", "begins where the first choice ended"
    best = added.loc[added.error_2400.idxmin()]
    chosen = compose_run(tmp_path, "experiment=mnist_100_views")
    assert best.techniques == "+".join(chosen.tricks.names)
    tried = compose_run(tmp_path, "experiment=mnist_100_views", *views.options.split(), *best.options.split())
    assert tried.resolved == chosen.resolved
    schedule = (
        chosen.optim.lr,
        chosen.optim.flat,
        chosen.optim.interval,
        chosen.optim.epochs,
        chosen.optim.average.rate,
    )
    assert schedule == (1e-3, 0.5, "iteration", 3, 2e-3)
    assert (chosen.data.batch_size, chosen.data.num_labels, chosen.data.augment.shift) == (50, 100, 2)


def test_the_best_preset_is_the_changed_views_for_longer(tmp_path: Path):
    best, views = (compose_run(tmp_path, f"experiment=mnist_100_{name}").resolved for name in ("best", "views"))
    assert (best["optim"].pop("epochs"), best["trainer"].pop("max_epochs")) == (20, 20)
    assert (views["optim"].pop("epochs"), views["trainer"].pop("max_epochs")) == (3, 3)
    assert best == views


@pytest.mark.parametrize("name", PRESETS)
def test_a_shorter_schedule_goes_with_every_preset(name: str, tmp_path: Path):
    long = compose_run(tmp_path, *preset(name), "schedule=full")
    for schedule, fraction in (("short", 0.2), ("tenth", 0.1)):
        short = compose_run(tmp_path, *preset(name), f"schedule={schedule}")
        assert_shorter(name, long, short, fraction)


def assert_shorter(name: str, long: TrainConfig, short: TrainConfig, fraction: float) -> None:
    if name.startswith("folder"):  # whose epochs are of unknown length
        assert (long.trainer.max_iterations, short.trainer.max_iterations) == (8000, 8000 * fraction)
    else:
        assert long.trainer.max_epochs == long.optim.epochs and long.trainer.max_iterations is None
        assert short.trainer.max_epochs == pytest.approx(fraction * long.optim.epochs, abs=1)
    assert short.optim.lr_factor(0.9) == long.optim.lr_factor(0.9)
    assert short.optim.length == fraction and short.optim.average == long.optim.average


def test_the_old_name_of_the_short_schedule_still_means_what_its_results_were_made_with(tmp_path: Path):
    now = compose_run(tmp_path, "experiment=mnist_100_short", *NEAR.split()).resolved
    kept = json.loads((REPOSITORY / "results" / "mnist_100_short" / "gan_2" / "result.json").read_text())["config"]
    assert now["trainer"]["max_epochs"] == kept["trainer"]["max_epochs"] == 60
    assert now["optim"]["average"]["rate"] / now["optim"]["length"] == kept["optim"]["average"]["rate"]
    for option in ("lr", "beta1", "beta2", "eps", "flat", "interval", "clip_norm"):
        assert now["optim"][option] == kept["optim"][option]
    assert now["model"] == kept["model"] and now["trick"] == kept["trick"]
    assert not any(now["data"].pop("augment").values()) and not any(kept["data"].pop("augment").values())
    assert now["data"] == kept["data"] | {"seed": 1}


def test_the_ablation_of_sample_quality(tmp_path: Path):
    sweep = OmegaConf.load(REPOSITORY / "conf" / "sweep" / "sample_quality.yaml")
    variants = sweep.hydra.sweeper.params.trick.replace(" ", "").removesuffix(",").replace("],[", "] [").split()
    chosen = [set(compose_run(tmp_path, "sweep=sample_quality", f"trick={v}").tricks.names) for v in variants]
    everything = {"label_smoothing", "minibatch_discrimination", "virtual_batch_norm"}
    assert chosen[0] == everything and sorted(len(everything - c) for c in chosen) == [0, 1, 1, 1]
    assert compose_run(tmp_path, "sweep=sample_quality", "objective=unlabelled").objective.labelled_weight == 0
    config = compose_run(tmp_path, "sweep=sample_quality")
    assert config.data.name == "cifar10" and config.objective.g_steps == 3


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small files of all three formats."""
    root = tmp_path_factory.mktemp("sets")
    for write in (write_mnist, write_svhn, write_cifar10):
        write(root)
    for label in CLASSES:
        for folder, count in ((label, 10), ("unlabelled", 40), (f"test/{label}", 10)):
            write_shapes(root / "shapes" / folder, label, count, seed=count)
    return root


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_trains_on_files_of_its_data_sets_format(name: str, files: Path, tmp_path: Path, no_checksums):
    command = preset(name, files / "shapes")
    config = compose_run(tmp_path, *command)
    labels = min(config.data.num_labels or 30, 100)
    small = [f"data.root='{files}'", *QUIET, *(TINY_MLP if isinstance(config.model, MLP) else TINY_CONV)]
    small.append(f"data.num_labels={labels}")
    if "minibatch" in name:
        small.append("trick.minibatch_discrimination.kernels=6")
    result = train(tmp_path, *command, *small, "trainer.max_iterations=2")
    assert result["iterations"] == 2 and result["data"] == name.partition("_")[0]
    assert result["test_size"] == (30 if name.startswith("folder") else 100)
    assert result["num_labels"] == labels and 0 <= result["test_error"] <= 1
