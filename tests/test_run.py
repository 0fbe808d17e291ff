"""Whole runs: every choice of techniques, data and networks; what a run counts, logs and leaves behind."""

from __future__ import annotations

import json
import math
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback
from PIL import Image

from ssgan.errors import TrainingDiverged
from ssgan.tricks import FeatureMatching
from tests.fake_data import fake_set, write_arrays, write_cifar10, write_mnist, write_svhn
from tests.runs import (
    QUIET,
    TINY,
    TINY_CONV,
    TINY_MLP,
    TRICKS,
    assert_equal,
    chosen,
    command,
    last_checkpoint,
    metric_rows,
    train,
)

KEYS = {
    "test_error", "test_errors", "test_size", "num_labels", "seed", "data_seed", "iterations", "seconds",
    "iterations_per_second", "parameters", "versions", "overrides",
}  # fmt: skip


def expected_terms(tricks: tuple[str, ...]) -> set[str]:
    """The terms of both players' costs, by the definitions of the techniques."""
    terms = {"d_labelled", "d_unlabelled", "g_feature_matching" if "feature_matching" in tricks else "g_adversarial"}
    return terms | ({"d_historical_averaging", "g_historical_averaging"} if "historical_averaging" in tricks else set())


def check_run(run_dir: Path, result: dict, iterations: int) -> dict:
    """What holds for every run; returns its last checkpoint."""
    assert set(result) >= KEYS
    assert json.loads((run_dir / "result.json").read_text()) == result
    assert result["test_error"] == pytest.approx(result["test_errors"] / result["test_size"])
    assert 0 <= result["test_errors"] <= result["test_size"] and isinstance(result["test_errors"], int)
    assert result["iterations"] == iterations and result["seconds"] > 0
    assert result["iterations_per_second"] == pytest.approx(iterations / result["seconds"], rel=0.05)
    checkpoint = last_checkpoint(run_dir)
    assert checkpoint["global_step"] == iterations
    assert all(value.isfinite().all() for value in checkpoint["state_dict"].values())
    return checkpoint


# --- every choice trains ---------------------------------------------------------------------------------------------

SETS = [(), *((name,) for name in TRICKS), *combinations(TRICKS, 2), TRICKS]


@pytest.mark.parametrize("tricks", SETS, ids=lambda tricks: "+".join(tricks) or "none")
def test_each_technique_each_pair_and_all_of_them_train(tricks: tuple[str, ...], tmp_path: Path):
    result = train(tmp_path, *TINY, "trainer.max_iterations=3", *chosen(*tricks))
    saved = check_run(tmp_path, result, iterations=3)
    assert result["tricks"] == sorted(tricks)
    assert set(saved["ssgan"]["history"]["names"]) == expected_terms(tricks)
    assert torch.isfinite(saved["ssgan"]["history"]["rows"]).all()
    steps = [state["step"].item() for optimizer in saved["optimizer_states"] for state in optimizer["state"].values()]
    assert set(steps) == {3.0}


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Small data sets in the formats of the real ones; the override that names each one's place."""
    root = tmp_path_factory.mktemp("sets")
    write_mnist(root)
    write_svhn(root)
    write_cifar10(root)
    write_arrays(root / "mine.npz")
    for part, (images, labels) in fake_set(16, 16, 3).items():
        for i, (image, label) in enumerate(zip(images, labels, strict=True)):
            folder = root / "folder" / ("test" if part == "test" else "") / f"class{label}"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(folder / f"{i}.png")
    return {
        **{name: f"data.root={root}" for name in ("mnist", "svhn", "cifar10")},
        "digits": "data.num_val=0",
        "folder": f"data.path={root / 'folder'}",
        "arrays": f"data.path={root / 'mine.npz'}",
    }


@pytest.mark.usefixtures("no_checksums")
@pytest.mark.parametrize("tricks", SETS, ids=lambda tricks: "+".join(tricks) or "none")
@pytest.mark.parametrize("data", ["digits", "mnist", "svhn", "cifar10", "folder", "arrays"])
def test_every_data_set_trains_with_its_recipes_networks_and_each_choice_of_techniques(
    data: str, tricks: tuple[str, ...], sets: dict, tmp_path: Path
):
    small = TINY_MLP if data in ("digits", "mnist") else TINY_CONV
    resize = ["data.image_size=16"] if data == "folder" else []
    choices = (f"data={data}", sets[data], "data.num_labels=20", *resize, *chosen(*tricks))
    result = train(tmp_path, *QUIET, *choices, *small, "trainer.max_iterations=2")
    check_run(tmp_path, result, iterations=2)
    assert result["data"] == data and result["num_labels"] == 20
    assert (result["test_size"], result["num_unlabelled"]) == ((500, 1297) if data == "digits" else (100, 200))


@pytest.mark.usefixtures("no_checksums")
@pytest.mark.parametrize("model", ["mlp", "mlp_small", "conv", "conv_wide"])
@pytest.mark.parametrize("data", ["mnist", "cifar10", "arrays"])
def test_every_network_trains_on_grey_and_colour_images_of_any_size(data: str, model: str, sets: dict, tmp_path: Path):
    small = TINY_MLP if model.startswith("mlp") else TINY_CONV
    choices = (f"data={data}", sets[data], "data.num_labels=20", f"model={model}", *chosen(*TRICKS))
    result = train(tmp_path, *QUIET, *choices, *small, "trainer.max_iterations=1")
    saved = check_run(tmp_path, result, iterations=1)
    widths = 16 if model.startswith("mlp") else 8
    weight = saved["state_dict"]["discriminator.classifier.weight"]
    assert weight.shape == (10, widths + 6), "the last layer sees the features and the kernels"


def test_the_parameters_are_counted(tmp_path: Path):
    result = train(tmp_path, *TINY, "trainer.max_iterations=1", "trick=none")
    d = 64 * 32 + 32 * 16 + 16 * 10 + (32 + 16 + 10) + 10  # weights, biases, gains of the last layer
    g = 50 * 16 + 16 * 16 + 16 * 64 + (16 + 16) + 64 + 64  # weights, shifts of the norms, last layer's bias and gain
    assert result["parameters"] == {"discriminator": d, "generator": g}


# --- what is counted -------------------------------------------------------------------------------------------------


def optimizer_steps(run_dir: Path) -> list[set[float]]:
    """Steps that each parameter of D, and of G, has had."""
    states = last_checkpoint(run_dir)["optimizer_states"]
    return [{state["step"].item() for state in optimizer["state"].values()} for optimizer in states]


@pytest.mark.parametrize(("d_steps", "g_steps"), [(1, 1), (2, 1), (1, 3), (3, 2)])
def test_an_iteration_is_one_round_whatever_the_number_of_updates(d_steps: int, g_steps: int, tmp_path: Path):
    steps = (f"objective.d_steps={d_steps}", f"objective.g_steps={g_steps}")
    every = ("trainer.log_every=2", "trainer.eval_every=2", "logger=csv")
    result = train(tmp_path, *TINY, *steps, *every, "trainer.max_iterations=5")
    assert result["iterations"] == 5
    assert optimizer_steps(tmp_path) == [{5.0 * d_steps}, {5.0 * g_steps}]
    for metric in ("train/d_loss", "train/g_loss", "test/error"):
        assert [row["step"] for row in metric_rows(tmp_path) if metric in row] == [2, 4, 5], "and at the end"


@pytest.mark.parametrize(
    ("length", "iterations"),
    [
        (("trainer.max_epochs=1",), 12),  # 1,297 unlabelled images in batches of 100
        (("trainer.max_epochs=2",), 24),
        (("trainer.max_epochs=2", "objective.d_steps=2"), 12),
        (("trainer.max_iterations=5",), 5),
        (("trainer.max_iterations=15", "trainer.max_epochs=1"), 15),
        (("trainer.max_epochs=1", "data.num_val=100"), 11),
        (("trainer.max_epochs=1", "data.include_labelled=false", "data.num_labels=100"), 11),
    ],
)
def test_the_run_ends_where_it_was_told_to(length: tuple[str, ...], iterations: int, tmp_path: Path):
    result = train(tmp_path, *TINY, "data.batch_size=100", *length)
    assert result["iterations"] == iterations == last_checkpoint(tmp_path)["global_step"]


def test_a_batch_larger_than_the_data_repeats_it(tmp_path: Path):
    result = train(tmp_path, *TINY, "data.batch_size=1500", "trainer.max_epochs=2")
    assert result["iterations"] == 2


class Start(Callback):
    """Keeps the state at the start of training."""

    def on_train_start(self, trainer, pl_module):
        self.state = {key: value.clone() for key, value in pl_module.state_dict().items()}


def test_the_supervised_baseline_trains_d_on_labels_alone(tmp_path: Path):
    start = Start()
    result = train(tmp_path, *TINY, "objective=supervised", "trainer.max_iterations=4", callbacks=[start])
    saved = last_checkpoint(tmp_path)
    assert result["objective"] == "supervised"
    assert saved["ssgan"]["history"]["names"] == ["d_labelled"]
    for key, value in saved["state_dict"].items():
        if key.startswith("generator."):
            assert torch.equal(value, start.state[key]), key
    assert any(not torch.equal(v, start.state[k]) for k, v in saved["state_dict"].items() if k.startswith("discr"))
    assert len(optimizer_steps(tmp_path)[1]) == 0, "G's optimiser must never have stepped"


def test_held_out_labels_give_a_validation_error_and_a_best_checkpoint(tmp_path: Path):
    often = ("trainer.eval_every=2", "trainer.max_iterations=6", "logger=csv", "data.num_val=50")
    result = train(tmp_path, *TINY, *often)
    rows = metric_rows(tmp_path)
    curve = {row["step"]: row["val/error"] for row in rows if "val/error" in row}
    assert sorted(curve) == [2, 4, 6] and all(round(error * 50, 3) == round(error * 50) for error in curve.values())
    assert result["num_val"] == 50 and result["num_unlabelled"] == 1297 - 50
    assert result["val_error"] == pytest.approx(curve[6], abs=1e-6)
    best = torch.load(tmp_path / "checkpoints" / "best.ckpt", weights_only=True)
    lowest = min(curve.values())
    assert best["global_step"] == min(step for step, error in curve.items() if error == lowest)


def test_without_held_out_labels_nothing_is_chosen(tmp_path: Path):
    result = train(tmp_path, *TINY, "trainer.eval_every=1", "trainer.max_iterations=2", "logger=csv")
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["last.ckpt"]
    assert "val_error" not in result and not any("val/error" in row for row in metric_rows(tmp_path))


def test_the_test_curve_can_be_left_out(tmp_path: Path):
    train(tmp_path, *TINY, "trainer.eval_every=1", "trainer.max_iterations=2", "logger=csv", "trainer.test_curve=false")
    assert [row["step"] for row in metric_rows(tmp_path) if "test/error" in row] == [2]


@pytest.mark.parametrize("given", ["data.augment.shift=1", "data.augment.flip=true"])
def test_augmentation_changes_what_is_learnt(given: str, tmp_path: Path):
    short = (*TINY, "trainer.max_iterations=2")
    train(tmp_path / "plain", *short)
    check_run(tmp_path / "augmented", train(tmp_path / "augmented", *short, given), iterations=2)
    key = "discriminator.classifier.bias"
    plain, augmented = (last_checkpoint(tmp_path / name)["state_dict"][key] for name in ("plain", "augmented"))
    assert not torch.equal(plain, augmented)


def test_the_result_says_what_was_run(tmp_path: Path):
    overrides = (*TINY, "trainer.max_iterations=1", "seed=3", "data.seed=7", "data.num_labels=50")
    result = train(tmp_path, *overrides)
    assert (result["seed"], result["data_seed"], result["num_labels"], result["test_size"]) == (3, 7, 50, 500)
    assert result["overrides"] == list(overrides)
    assert result["versions"]["torch"] == torch.__version__.split("+")[0] or torch.__version__.startswith(
        result["versions"]["torch"]
    )
    assert {"python", "ssgan", "lightning"} <= set(result["versions"])
    assert result["processes"] == 1 and result["precision"] == "32" and result["hardware"]


# --- loggers ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with the default loggers and callbacks."""
    run_dir = tmp_path_factory.mktemp("logged")
    every = ("trainer.log_every=2", "trainer.eval_every=3", "trainer.max_iterations=6")
    train(run_dir, "trainer=cpu", "data.batch_size=10", *TINY_MLP, *every, "data.num_val=10")
    return run_dir


def scalars(run_dir: Path) -> dict[tuple[str, int], list[float]]:
    """What TensorBoard reads: all values of a tag at a step."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run_dir / "tensorboard"))
    events.Reload()
    found: dict[tuple[str, int], list[float]] = {}
    for tag in events.Tags()["scalars"]:
        for event in events.Scalars(tag):
            found.setdefault((tag, event.step), []).append(event.value)
    return found


def test_both_default_loggers_have_the_same_rows_on_the_axis_of_iterations(logged: Path):
    terms = {"train/d_loss", "train/g_loss", "train/d_labelled", "train/d_unlabelled", "train/g_feature_matching"}
    expected = {(key, step) for key in terms | {"train/lr"} for step in (2, 4, 6)}
    expected |= {(f"{split}/error", step) for split in ("val", "test") for step in (3, 6)}
    rows = metric_rows(logged)
    table = {(key, int(row["step"])): value for row in rows for key, value in row.items() if key != "step"}
    assert set(table) == expected
    board = scalars(logged)
    assert set(board) >= expected
    for key, value in table.items():
        assert board[key][-1] == pytest.approx(value, rel=1e-5), key


def test_a_metric_has_one_value_at_an_iteration(logged: Path):
    pairs = [(key, row["step"]) for row in metric_rows(logged) for key in row if key != "step"]
    assert sorted(pairs) == sorted(set(pairs))
    assert {key: len(values) for key, values in scalars(logged).items() if len(values) > 1} == {}


def test_a_players_loss_is_the_sum_of_its_terms(logged: Path):
    rows = [row for row in metric_rows(logged) if "train/d_loss" in row]
    assert len(rows) == 3
    for row in rows:
        assert row["train/d_loss"] == pytest.approx(row["train/d_labelled"] + row["train/d_unlabelled"], rel=1e-5)
        assert row["train/g_loss"] == pytest.approx(row["train/g_feature_matching"], rel=1e-5)


def test_the_final_test_error_is_the_results(logged: Path):
    result = json.loads((logged / "result.json").read_text())
    last = [row for row in metric_rows(logged) if "test/error" in row][-1]
    assert last["test/error"] * 500 == pytest.approx(result["test_errors"], abs=1e-3)


def test_tensorboard_gets_the_samples(logged: Path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(logged / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Images("samples")] == [3, 6]


def test_without_loggers_there_are_no_logs(tmp_path: Path):
    train(tmp_path, *TINY, "trainer.max_iterations=1", "callbacks=none")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["result.json", "status.json"]


@pytest.mark.parametrize(("logger", "there"), [("csv", "metrics.csv"), ("tensorboard", "tensorboard")])
def test_a_single_logger(logger: str, there: str, tmp_path: Path):
    train(tmp_path, *TINY, "trainer.max_iterations=1", f"logger={logger}")
    both = {"metrics.csv", "tensorboard"}
    assert {path.name for path in tmp_path.iterdir()} & both == {there}


def test_logging_does_not_change_the_run(tmp_path: Path):
    """Neither loggers, pictures, progress nor evaluation touch the run's random state."""
    short = ("trainer=cpu", "data.batch_size=10", *TINY_MLP, "trainer.max_iterations=6", "data.augment.shift=1")
    loud = ("trainer.log_every=1", "trainer.eval_every=2", "trainer.checkpoint_every=1")
    train(tmp_path / "loud", *short, *loud)
    train(tmp_path / "quiet", *short, "callbacks=checkpoints", "logger=none")
    loud_state, quiet_state = (last_checkpoint(tmp_path / name) for name in ("loud", "quiet"))
    assert_equal(loud_state["state_dict"], quiet_state["state_dict"])
    assert_equal(loud_state["optimizer_states"], quiet_state["optimizer_states"])
    assert_equal(loud_state["ssgan"]["rng_state"], quiet_state["ssgan"]["rng_state"])


# --- divergence ------------------------------------------------------------------------------------------------------


def diverge_at(k: int, value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make feature matching's term what it must not be at the k-th iteration."""
    calls = iter(range(1, 1000))
    plain = FeatureMatching.generator_objective

    def objective(self, step):
        return plain(self, step) * (value if next(calls) == k else 1)

    monkeypatch.setattr(FeatureMatching, "generator_objective", objective)


@pytest.mark.parametrize("value", [math.inf, math.nan], ids=["inf", "nan"])
@pytest.mark.parametrize(
    ("log_every", "checkpoint_every", "last"), [(50, 1, 4), (1, 1, 4), (50, 3, 3), (4, 2, 4), (2, 50, 0)]
)
def test_a_loss_that_is_not_finite_stops_the_run_and_spares_the_checkpoint(
    log_every: int, checkpoint_every: int, last: int, value: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    diverge_at(5, value, monkeypatch)
    every = (f"trainer.log_every={log_every}", f"trainer.checkpoint_every={checkpoint_every}")
    with pytest.raises(
        TrainingDiverged, match=r"generator's term 'feature_matching' is (inf|nan) at iteration 5\b"
    ) as error:
        train(tmp_path, *TINY, *every, "trainer.max_iterations=8")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "result.json").exists()
    if last:
        saved = last_checkpoint(tmp_path)
        assert saved["global_step"] == last
        assert all(value.isfinite().all() for value in saved["state_dict"].values())
    else:
        assert not (tmp_path / "checkpoints" / "last.ckpt").exists()


def test_the_command_says_in_one_line_that_training_diverged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd):
    diverge_at(3, math.nan, monkeypatch)
    monkeypatch.chdir(tmp_path)
    assert command(*TINY, "trainer.max_iterations=5") == 1
    err = capfd.readouterr().err
    assert err.startswith("error: ") and err.count("\n") == 1
    assert "feature_matching" in err and "iteration 3" in err


def test_an_absurd_learning_rate_is_noticed(tmp_path: Path):
    with pytest.raises(TrainingDiverged, match="iteration"):
        train(tmp_path, *TINY, "optim.lr=1e30", "trainer.checkpoint_every=1", "trainer.max_iterations=20")
    if (tmp_path / "checkpoints" / "last.ckpt").exists():
        assert all(value.isfinite().all() for value in last_checkpoint(tmp_path)["state_dict"].values())


def test_the_learnt_beats_chance_on_patterns(tmp_path: Path):
    """150 iterations on ten noisy patterns, two labels each: far better than the 90 % of chance."""
    write_arrays(tmp_path / "mine.npz")
    data = (
        "data=arrays",
        f"data.path={tmp_path / 'mine.npz'}",
        "data.num_labels=20",
        "model=mlp_small",
        "optim=digits",
    )
    result = train(tmp_path, *QUIET, *data, "trainer.max_iterations=150", "data.batch_size=20")
    assert result["test_error"] < 0.3
    assert np.isfinite(result["seconds"])


def test_deterministic_runs_use_deterministic_algorithms_and_are_the_same(tmp_path: Path) -> None:
    short = (*TINY, *chosen(*TRICKS), "trainer.max_iterations=4", "trainer.deterministic=true")
    modes: list[bool] = []

    class Mode(Callback):
        def on_train_batch_end(self, *_: object) -> None:
            modes.append(torch.are_deterministic_algorithms_enabled())

    for name in ("one", "other"):
        train(tmp_path / name, *short, callbacks=[Mode()])
    one, other = (last_checkpoint(tmp_path / name) for name in ("one", "other"))
    assert_equal(one["state_dict"], other["state_dict"])
    assert_equal(one["optimizer_states"], other["optimizer_states"])
    train(tmp_path / "usual", *TINY, "trainer.max_iterations=1", callbacks=[Mode()])
    assert modes == [True] * 8 + [False], "the next run of the process has its own choice"


def test_a_batch_of_one_trains_with_all_techniques(tmp_path: Path) -> None:
    train(tmp_path, *TINY, *chosen(*TRICKS), "data.batch_size=1", "trainer.max_iterations=3")
    state = last_checkpoint(tmp_path)["state_dict"]
    assert all(bool(value.isfinite().all()) for value in state.values())
