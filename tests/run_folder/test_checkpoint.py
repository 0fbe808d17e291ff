"""Checkpoints: whole on their own, read without executing code, found, and refused when they are something else."""

from __future__ import annotations

import errno
import os
import pickle
from pathlib import Path

import pytest
import torch

import ssgan
from ssgan.errors import ConfigError
from ssgan.inference.trained import load
from ssgan.run_folder.checkpoint import check_resumable, find_checkpoint, read_checkpoint
from tests.runs import TINY, TRICKS, chosen, compose_run, train


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with everything that a checkpoint may have to hold."""
    run_dir = tmp_path_factory.mktemp("run")
    average = ("optim.average.generator=true", "data.num_val=10", "trainer.eval_every=1")
    train(run_dir, *TINY, *chosen(*TRICKS), *average, "trainer.max_iterations=2")
    return run_dir


@pytest.mark.parametrize("name", ["last.ckpt", "best.ckpt"])
def test_a_checkpoint_loads_without_executing_code_and_says_what_it_is(name: str, run_dir: Path):
    saved = torch.load(run_dir / "checkpoints" / name, weights_only=True)["ssgan"]
    assert saved["version"] == ssgan.__version__
    assert saved["classes"] == list("0123456789") and saved["image_shape"] == [1, 8, 8] and saved["num_labels"] == 30
    config = compose_run(run_dir, *TINY, *chosen(*TRICKS), "data.num_val=10", "trainer.eval_every=1").resolved
    assert saved["config"]["data"] == config["data"] and saved["config"]["model"] == config["model"]
    assert set(saved["config"]["trick"]) == set(TRICKS)
    assert saved["seconds"] > 0


def test_a_checkpoint_holds_all_that_a_run_needs(run_dir: Path):
    saved = torch.load(run_dir / "checkpoints" / "last.ckpt", weights_only=True)
    parts = {name.split(".")[0] for name in saved["state_dict"]}
    assert {"generator", "discriminator", "average", "generator_average", "penalties"} <= parts
    assert len(saved["optimizer_states"]) == 2 and saved["ssgan"]["rng_state"].ndim == 1


def test_no_images_of_the_data_set_are_in_a_checkpoint(tmp_path: Path):
    train(tmp_path, *TINY, "trick=none", "trainer.max_iterations=1")
    saved = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert not [name for name, value in saved["state_dict"].items() if value.shape[-3:] == (1, 8, 8)]
    assert (tmp_path / "checkpoints" / "last.ckpt").stat().st_size < 400_000


def test_a_batch_larger_than_the_set_of_start_images_is_compared_with_them_repeated(tmp_path: Path):
    large = (*TINY, *chosen("minibatch_discrimination"), "data.batch_size=602", "data.num_labels=null")
    train(tmp_path, *large, "trainer.max_iterations=1")
    reference = load(tmp_path, "cpu").classifier.reference
    assert len(reference) == 601 and torch.equal(reference[500:], reference[:101])
    assert len(reference.flatten(1).unique(dim=0)) > 450
    again = train(tmp_path, *large, "trainer.max_iterations=2", f"ckpt_path={tmp_path / 'checkpoints' / 'last.ckpt'}")
    assert again["iterations"] == 2


# --- finding ---------------------------------------------------------------------------------------------------------


def test_a_checkpoint_is_named_by_its_file_its_run_folder_or_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "run" / "checkpoints" / "last.ckpt"
    path.parent.mkdir(parents=True)
    path.touch()
    (path.parent / "best.ckpt").touch()
    assert find_checkpoint(None, "x") is None
    assert find_checkpoint("last", str(tmp_path / "run")) == str(path)
    assert find_checkpoint(str(tmp_path / "run"), "elsewhere") == str(path)
    assert find_checkpoint(str(path.parent / "best.ckpt"), "elsewhere") == str(path.parent / "best.ckpt")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_checkpoint("~/run", "elsewhere") == str(path)


@pytest.mark.parametrize("given", ["last", "nothing.ckpt", "folder"])
def test_a_checkpoint_that_is_not_there(given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError, match=f"ckpt_path={given}: there is no checkpoint") as error:
        find_checkpoint(given, str(tmp_path))
    assert ("hydra.run.dir" in str(error.value)) == (given == "last") and "\n" not in str(error.value)


def test_a_checkpoint_that_may_not_be_read_is_not_called_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(path: str, **_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr(torch, "load", refuse)
    with pytest.raises(ConfigError, match=r"last\.ckpt cannot be read: Permission denied$"):
        read_checkpoint(str(tmp_path / "last.ckpt"))


def test_a_run_that_ended_before_its_first_checkpoint_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "status.json").touch()
    with pytest.raises(ConfigError, match=r"last\.ckpt; the run there ended .*: leave out ckpt_path to begin it again"):
        find_checkpoint("last", str(tmp_path))
    (tmp_path / "result.json").touch()  # such a folder is refused to a new run
    with pytest.raises(ConfigError, match=r"set hydra\.run\.dir to the folder"):
        find_checkpoint("last", str(tmp_path))


def test_a_requeued_job_takes_the_newest_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    last = tmp_path / "checkpoints" / "last.ckpt"
    last.parent.mkdir()
    last.touch()
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    assert find_checkpoint(None, str(tmp_path)) is None, "this folder's run was not requeued"
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")  # started again after a loss of its machine, without a last word
    assert find_checkpoint(None, str(tmp_path)) == str(last)
    assert find_checkpoint(None, str(tmp_path / "elsewhere")) is None
    monkeypatch.delenv("SLURM_RESTART_COUNT")
    for name, when in (("hpc_ckpt_1.ckpt", 10), ("hpc_ckpt_2.ckpt", 20), ("checkpoints/last.ckpt", 15)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (when, when))
    assert find_checkpoint(None, str(tmp_path)) == str(tmp_path / "hpc_ckpt_2.ckpt")
    os.utime(last, (30, 30))
    assert find_checkpoint(None, str(tmp_path)) == str(last)
    monkeypatch.delenv("SLURM_JOB_ID")
    assert find_checkpoint(None, str(tmp_path)) is None


# --- reading ---------------------------------------------------------------------------------------------------------


class Code:
    """Pickles to a call."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_code_in_a_checkpoint_is_not_executed(tmp_path: Path):
    torch.save({"ssgan": Code(tmp_path / "executed")}, tmp_path / "bad.ckpt")
    (tmp_path / "plain.ckpt").write_bytes(pickle.dumps(Code(tmp_path / "executed")))
    for name in ("bad.ckpt", "plain.ckpt"):
        with pytest.raises(ConfigError, match="is not a whole checkpoint"):
            read_checkpoint(str(tmp_path / name))
    assert not (tmp_path / "executed").exists()


def test_a_text_is_no_checkpoint(tmp_path: Path) -> None:
    for text in ("hydra:\n  run: here\n", "run,year,errors\n1,2\n", "experiment\n", "{}\n"):
        (tmp_path / "text.yaml").write_text(text)
        with pytest.raises(ConfigError, match=r"text\.yaml is not a whole checkpoint: what it holds is something else"):
            read_checkpoint(str(tmp_path / "text.yaml"))


@pytest.mark.parametrize("kept", [0, 1, 100, -1])
def test_a_checkpoint_that_is_cut_off_is_one_line(kept: int, run_dir: Path, tmp_path: Path):
    content = (run_dir / "checkpoints" / "last.ckpt").read_bytes()
    (tmp_path / "cut.ckpt").write_bytes(content[: kept if kept >= 0 else len(content) // 2])
    with pytest.raises(ConfigError, match=r"cut\.ckpt is not a whole checkpoint") as error:
        read_checkpoint(str(tmp_path / "cut.ckpt"))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("other", [{"state_dict": {}}, [1, 2], torch.zeros(3)], ids=["foreign", "list", "tensor"])
def test_a_file_of_something_else_is_one_line(other: object, tmp_path: Path):
    torch.save(other, tmp_path / "other.ckpt")
    with pytest.raises(ConfigError, match=r"other\.ckpt is not a checkpoint of ssgan"):
        read_checkpoint(str(tmp_path / "other.ckpt"))


# --- comparing -------------------------------------------------------------------------------------------------------


def saved_with(path: Path, config: dict) -> str:
    torch.save({"ssgan": {"config": config}, "global_step": 2}, path)
    return str(path)


BASE = {
    "seed": 1,
    "ckpt_path": None,
    "model": {"_target_": "A", "widths": [1, 2]},
    "trick": {"one": {"_target_": "T", "x": 1.0}},
    "objective": {"g_steps": 1},
    "data": {"_target_": "D", "root": "/a", "eval_batch_size": 10, "seed": 1, "augment": {"flip": False}},
    "optim": {"lr": 0.1},
    "trainer": {"max_epochs": 3},
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 2}, "seed was 1 there and is 2 now"),
        ({"model": {"_target_": "B", "widths": [1, 2]}}, "model._target_ was A there and is B now"),
        ({"model": {"_target_": "A", "widths": [1, 3]}}, "model.widths was [1, 2] there and is [1, 3] now"),
        ({"data": BASE["data"] | {"augment": {"flip": True}}}, "data.augment.flip was False there and is True now"),
        ({"objective": {"g_steps": 2}}, "objective.g_steps was 1 there and is 2 now"),
        ({"trainer": {"iterations_per_batch": 2}}, "trainer.iterations_per_batch was 1 there and is 2 now"),
        ({"optim": {"average": {"generator": True}}}, "optim.average.generator was False there and is True now"),
        ({"trick": {}}, "without trick.one"),
        ({"trick": BASE["trick"] | {"two": {"_target_": "U", "y": 1}}}, "with trick.two"),
        ({"trick": {"one": {"_target_": "T", "x": 2.0}}}, "trick.one.x was 1.0 there and is 2.0 now"),
    ],
)
def test_the_first_difference_that_matters_is_named(changes: dict, message: str, tmp_path: Path):
    path = saved_with(tmp_path / "a.ckpt", BASE)
    with pytest.raises(ConfigError) as error:
        check_resumable(path, BASE | changes)
    assert str(error.value).startswith(f"cannot resume {path}") and str(error.value).endswith(message)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"optim": {"lr": 0.2}},
        {"optim": {"average": {"rate": 0.1, "generator": False}}},
        {"trainer": {"max_epochs": 30}},
        {"trainer": {"max_epochs": 3, "iterations_per_batch": 1}},
        {"ckpt_path": "x"},
        {"data": BASE["data"] | {"root": "/b", "eval_batch_size": 1}},
        {"data": BASE["data"] | {"path": "/c"}},
    ],
)
def test_what_does_not_matter_may_differ(changes: dict, tmp_path: Path):
    check_resumable(saved_with(tmp_path / "a.ckpt", BASE), BASE | changes)
