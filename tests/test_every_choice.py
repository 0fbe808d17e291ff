"""Every choice of techniques, data, networks and augmentation trains."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import pytest
import torch
from PIL import Image

from tests.fake_data import fake_set, write_arrays, write_cifar10, write_mnist, write_svhn
from tests.runs import QUIET, TINY, TINY_CONV, TINY_MLP, TRICKS, chosen, last_checkpoint, train

KEYS = {
    "test_error", "test_errors", "test_size", "num_labels", "seed", "data_seed", "iterations", "seconds",
    "iterations_per_second", "parameters", "versions", "overrides",
}  # fmt: skip
SETS = [(), *((name,) for name in TRICKS), *combinations(TRICKS, 2), TRICKS]


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
    lines = []
    for part, (images, labels) in fake_set(16, 16, 3).items():
        for i, (image, label) in enumerate(zip(images, labels, strict=True)):
            folder = root / "folder" / ("test" if part == "test" else "") / f"class{label}"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(folder / f"{i}.png")
            lines.append(f"{'test/' if part == 'test' else ''}class{label}/{i},{label},{part}")
    (root / "folder" / "labels.csv").write_text("\n".join(["file,label,split", *lines]))
    return {
        **{name: f"data.root={root}" for name in ("mnist", "svhn", "cifar10")},
        "digits": "data.num_val=0",
        **{name: f"data.path={root / 'folder'}" for name in ("folder", "table")},
        "arrays": f"data.path={root / 'mine.npz'}",
    }


#: Each choice of techniques with both recipes' networks, none and all of them with every data set.
TOGETHER = [
    pytest.param(data, tricks, id=f"{data}-{'+'.join(tricks) or 'none'}")
    for data in ("digits", "mnist", "svhn", "cifar10", "folder", "table", "arrays")
    for tricks in (SETS if data in ("mnist", "svhn") else [(), TRICKS])
]


@pytest.mark.usefixtures("no_checksums")
@pytest.mark.parametrize(("data", "tricks"), TOGETHER)
def test_every_data_set_trains_with_its_recipes_networks_and_each_choice_of_techniques(
    data: str, tricks: tuple[str, ...], sets: dict, tmp_path: Path
):
    small = TINY_MLP if data in ("digits", "mnist") else TINY_CONV
    resize = ["data.image_size=16"] if data in ("folder", "table") else []
    choices = (f"data={data}", sets[data], "data.num_labels=20", *resize, *chosen(*tricks))
    result = train(tmp_path, *QUIET, *choices, *small, "trainer.max_iterations=2")
    check_run(tmp_path, result, iterations=2)
    assert result["data"] == data and result["num_labels"] == 20
    assert (result["test_size"], result["num_unlabelled"]) == ((500, 1297) if data == "digits" else (100, 200))


@pytest.mark.usefixtures("no_checksums")
@pytest.mark.parametrize("model", ["mlp", "mlp_small", "conv", "conv_small", "conv_wide"])
@pytest.mark.parametrize("data", ["mnist", "cifar10", "arrays"])
def test_every_network_trains_on_grey_and_colour_images_of_any_size(data: str, model: str, sets: dict, tmp_path: Path):
    small = TINY_MLP if model.startswith("mlp") else TINY_CONV
    choices = (f"data={data}", sets[data], "data.num_labels=20", f"model={model}", *chosen(*TRICKS))
    result = train(tmp_path, *QUIET, *choices, *small, "trainer.max_iterations=1")
    saved = check_run(tmp_path, result, iterations=1)
    widths = 16 if model.startswith("mlp") else 8
    weight = saved["state_dict"]["discriminator.classifier.weight"]
    assert weight.shape == (10, widths + 6), "the last layer sees the features and the kernels"


@pytest.mark.parametrize("given", ["data.augment.shift=1", "data.augment.flip=true"])
def test_augmentation_changes_what_is_learnt(given: str, tmp_path: Path):
    short = (*TINY, "trainer.max_iterations=2")
    train(tmp_path / "plain", *short)
    check_run(tmp_path / "augmented", train(tmp_path / "augmented", *short, given), iterations=2)
    key = "discriminator.classifier.bias"
    plain, augmented = (last_checkpoint(tmp_path / name)["state_dict"][key] for name in ("plain", "augmented"))
    assert not torch.equal(plain, augmented)


def test_a_batch_of_one_trains_with_all_techniques(tmp_path: Path) -> None:
    train(tmp_path, *TINY, *chosen(*TRICKS), "data.batch_size=1", "trainer.max_iterations=3")
    state = last_checkpoint(tmp_path)["state_dict"]
    assert all(bool(value.isfinite().all()) for value in state.values())
