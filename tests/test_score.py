"""The command that scores samples: what it prints, writes and keeps, and what it refuses."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from ssgan import score
from ssgan.scoring import own_extractor
from tests.fake_data import write_arrays
from tests.runs import TINY, assert_equal, train

pytest.importorskip("torch_fidelity", reason="the score extra is not installed")


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = tmp_path_factory.mktemp("run")
    train(run_dir, *TINY, "trainer.max_iterations=2")
    return run_dir


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """An own extractor is trained for a moment only."""
    monkeypatch.setattr(own_extractor, "ITERATIONS", 30)


def call(monkeypatch: pytest.MonkeyPatch, *argv: object) -> int:
    """The exit status of the command."""
    monkeypatch.setattr(sys, "argv", ["score", *map(str, argv)])
    try:
        score.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_two_runs_by_an_own_extractor(
    run_dir: Path,
    tmp_path: Path,
    cache_home: Path,
    short: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = tmp_path / "other"
    train(other, *TINY, "trainer.max_iterations=1", "seed=5")
    assert call(monkeypatch, run_dir, other, "--out", tmp_path / "out") == 0
    said = capsys.readouterr().out
    assert "FID-digits-mlp" in said and "training an extractor" in said and "500 test images" in said
    report = json.loads((tmp_path / "out" / "score.json").read_text())
    assert report["extractor"] == "digits-mlp" and [run["run"] for run in report["runs"]] == [str(run_dir), str(other)]
    for run in report["runs"]:
        assert run["samples"] == 500 and run["fid"] > 3 * report["floor"]["fid"]  # they have hardly been trained
        assert run["kid_mean"] > report["floor"]["kid_mean"]
    (kept,) = (cache_home / "ssgan" / "extractors").iterdir()

    assert call(monkeypatch, run_dir, "--samples", 100, "--seed", 3) == 0  # into the run's folder, by the one kept
    assert "training an extractor" not in capsys.readouterr().out
    again = json.loads((run_dir / "score" / "score.json").read_text())
    assert_equal(again["floor"], report["floor"])
    assert again["runs"][0]["samples"] == 100 and again["runs"][0]["fid"] != report["runs"][0]["fid"]

    assert call(monkeypatch, run_dir, "--extractor", kept, "--out", tmp_path / "named") == 0
    named = json.loads((tmp_path / "named" / "score.json").read_text())
    assert_equal(named["floor"], report["floor"])
    assert_equal(named["runs"][0], report["runs"][0])
    assert named["weights"] == report["weights"]


def test_a_run_is_scored_once_and_the_weights_are_named(
    run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two networks of one class give scores of one name that do not compare."""
    other = tmp_path / "other"
    train(other, *TINY, "trainer.max_iterations=1", "objective=supervised")
    monkeypatch.chdir(run_dir)
    reports = {}
    for extractor in (run_dir, other):
        names = (".", run_dir, run_dir / "checkpoints" / "last.ckpt")
        assert call(monkeypatch, *names, "--samples", 40, "--extractor", extractor, "--out", tmp_path / "out") == 0
        reports[extractor] = json.loads((tmp_path / "out" / "score.json").read_text())
        assert [run["run"] for run in reports[extractor]["runs"]] == ["."]
        said = capsys.readouterr().out
        assert ".: 40 samples" in said and f"with weights {reports[extractor]['weights']}" in said
    assert reports[run_dir]["extractor"] == reports[other]["extractor"]
    assert reports[run_dir]["weights"] != reports[other]["weights"]


def test_the_reference_is_all_that_there_is_to_learn_from(
    tmp_path: Path, cache_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images without a label count as well, and a relative path of the data holds from elsewhere too."""
    monkeypatch.setattr(own_extractor, "ITERATIONS", 2)
    monkeypatch.chdir(tmp_path)
    images = np.random.default_rng(0).integers(0, 256, (150, 8, 8), dtype=np.uint8)
    labels = np.arange(60) % 2
    np.savez("set.npz", x_train=images[:60], y_train=labels, x_test=images[:40], y_test=labels[:40],
             x_unlabelled=images[60:])  # fmt: skip
    own = ("data=arrays", "data.path=set.npz", "data.num_labels=20", "model=mlp")
    train(tmp_path / "run", *own, *TINY, "trainer.max_iterations=1")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert call(monkeypatch, tmp_path / "run") == 0
    report = json.loads((tmp_path / "run" / "score" / "score.json").read_text())
    assert report["reference"] == "150 training images" and report["floor"]["images"] == "40 test images"


def test_another_network_has_an_extractor_of_its_own(
    run_dir: Path, tmp_path: Path, cache_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_extractor, "ITERATIONS", 2)
    wider = tmp_path / "wider"
    train(wider, *TINY, "trainer.max_iterations=1", "model.discriminator_hidden=[40,16]")
    for run in (run_dir, wider):
        assert call(monkeypatch, run, "--samples", 40) == 0
    assert len(list((cache_home / "ssgan" / "extractors").iterdir())) == 2


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--samples", "0"], "--samples"),
        (["--samples", "7"], "scores of 7 samples say nothing"),
        (["--seed", "-1"], "--seed"),
        (["--extractor", "nowhere"], "nowhere"),
        (["--inception", "nowhere.pth"], "--inception=nowhere.pth: there is no such file"),
        (["--inception", "a", "--extractor", "b"], "give one of them"),
        (["--inception", __file__], "no weights of Inception v3"),
    ],
)
def test_one_line_says_what_is_wrong(
    argv: list[str],
    message: str,
    run_dir: Path,
    tmp_path: Path,
    short: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(monkeypatch, run_dir, "--out", tmp_path / "out", *argv) == 2
    error = capsys.readouterr().err
    assert message in error and len(error.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_too_few_test_images_are_noticed_before_an_extractor_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arrays = write_arrays(tmp_path / "few.npz")
    write_arrays(tmp_path / "few.npz", x_test=arrays["x_test"][:10], y_test=arrays["y_test"][:10])
    train(tmp_path / "run", *TINY, "data=arrays", f"data.path={tmp_path}/few.npz", "model=mlp_small",
          "data.num_labels=20", "trainer.max_iterations=1")  # fmt: skip
    capsys.readouterr()
    assert call(monkeypatch, tmp_path / "run", "--samples", 64) == 2
    captured = capsys.readouterr()
    assert "scores of 10 test images say nothing; it takes 20 or more" in captured.err and captured.out == ""


def test_runs_without_a_generator_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train(tmp_path / "run", *TINY, "trainer.max_iterations=1", "objective=supervised")
    assert call(monkeypatch, tmp_path / "run") == 2
    assert "generator" in capsys.readouterr().err


def test_without_torch_fidelity_one_line_names_the_extra(
    run_dir: Path, short: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch_fidelity.metric_fid", None)
    assert call(monkeypatch, run_dir) == 2
    assert "pip install 'ssgan[score]'" in capsys.readouterr().err
