"""What a finished run reports, in its file and on the terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from ssgan.run_folder.result import show, write
from tests.runs import FURTHER, TINY, TRICKS, chosen, last_checkpoint, train


def test_the_parameters_are_counted(tmp_path: Path):
    result = train(tmp_path, *TINY, "trainer.max_iterations=1", "trick=none")
    d = 64 * 32 + 32 * 16 + 16 * 10 + (32 + 16 + 10) + 10  # weights, biases, gains of the last layer
    g = 50 * 16 + 16 * 16 + 16 * 64 + (16 + 16) + 64 + 64  # weights, shifts of the norms, last layer's bias and gain
    assert result["parameters"] == {"discriminator": d, "generator": g}


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


def test_a_result_names_the_techniques_that_have_an_effect_on_a_supervised_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = {}
    quiet = ("model.input_noise=0", "model.hidden_noise=0")  # a technique's draws change those that follow
    short = (*TINY, *quiet, "objective=supervised", "trainer.max_iterations=3")
    for name in ("none", *TRICKS, *FURTHER):
        result = train(tmp_path / name, *short, *(["trick=none"] if name == "none" else chosen(name)))
        saved = last_checkpoint(tmp_path / name)["state_dict"]  # a technique's own network is not the classifier
        weights[name] = {k: v for k, v in saved.items() if "discrim" in k and "companions" not in k}
        plain = weights["none"]
        same = weights[name].keys() == plain.keys() and all(torch.equal(weights[name][k], plain[k]) for k in plain)
        assert result["tricks_in_effect"] == ([] if same else [name]), name
        shown = "".join(capsys.readouterr().out.split())
        assert f"techniques{'none' if same else name}:thelabelsalone" in shown
    assert train(tmp_path / "gan", *TINY, "trainer.max_iterations=1")["tricks_in_effect"] == ["feature_matching"]


RESULT: dict[str, Any] = {
    "test_error": 0.054,
    "test_errors": 27,
    "test_size": 500,
    "num_labels": 30,
    "num_unlabelled": 1297,
    "data": "digits",
    "data_seed": 4,
    "objective": "semi_supervised",
    "tricks_in_effect": ["feature_matching", "label_smoothing"],
    "iterations": 40,
    "seconds": 2.345,
}


def shown(result: dict[str, Any], run_dir: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """The rows of the table on the terminal."""
    show(result, str(run_dir))
    rows = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    heads = ("test error", "its members", "labels", "unlabelled", "techniques", "iterations", "folder")
    return {head: row.removeprefix(f"{head} ") for row in rows for head in heads if row.startswith(f"{head} ")}


def test_the_terminal_has_the_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown(RESULT, tmp_path / "runs" / "a [b]", capsys) == {
        "test error": "5.40% (27 of 500)",
        "labels": "30 of digits, data.seed=4",
        "unlabelled": "1,297 images",
        "techniques": "feature_matching, label_smoothing",
        "iterations": "40 in 2.3 s",
        "folder": "runs/a [b]",
    }
    other = RESULT | {"members": [30, 20], "mean_member_error": 0.05, "objective": "supervised", "tricks_in_effect": []}
    rows = shown(other, Path("/runs"), capsys)
    assert rows["its members"] == "5.00% (30, 20 of 500)"
    assert rows["techniques"] == "none: the labels alone" and rows["folder"] == "/runs"
    assert shown(RESULT, tmp_path, capsys)["folder"] == str(tmp_path), "of the working folder itself the whole path"
    long = f"/{'runs/' * 30}one"
    assert shown(RESULT, Path(long), capsys)["folder"] == long, "in one piece, to be copied"


def test_of_a_gan_without_labels_no_error_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its logits stand for no classes."""
    result = train(tmp_path / "run", *TINY, "trainer.max_iterations=1", "objective=unlabelled", "ensemble=2")
    assert result["objective"] == "unlabelled"
    rows = shown(result, tmp_path, capsys)
    assert rows["test error"].startswith("none: ") and rows["labels"].startswith("none of digits")
    assert "its members" not in rows


def test_the_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    for errors in (27, 28):
        write(RESULT | {"test_errors": errors}, str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]
    assert json.loads((tmp_path / "result.json").read_text()) == RESULT | {"test_errors": 28}
