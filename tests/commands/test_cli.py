"""The command line: one line and an exit status for what is wrong, help without torch, sweeps, and a plain run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.fake_data import write_arrays
from tests.runs import REPOSITORY, TINY, TRICKS, assert_equal, command, last_checkpoint, options


@pytest.fixture(autouse=True)
def in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hydra makes its folders where it is called."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)


def refused(capfd: pytest.CaptureFixture[str], *argv: str) -> str:
    """The one line with which the command refuses these arguments."""
    status = command(*argv)
    written = capfd.readouterr()
    assert status not in (0, None), written.out
    assert written.err.startswith("error: ") and written.err.find("\n") == len(written.err) - 1, written.err
    assert "Traceback" not in written.out + written.err and "HYDRA_FULL_ERROR" not in written.err
    return written.err


WRONG = [
    # an option that a group does not have
    (["trick=hinge"], ["'hinge'", *TRICKS, "none"]),
    (["trick=feature_machting"], ["'feature_machting'", "did you mean 'feature_matching'"]),
    (["trick=[feature_matching,hinge]"], ["hinge", *TRICKS, "none"]),
    (["data=imagenet"], ["'imagenet'", "digits", "mnist", "svhn", "cifar10", "folder", "arrays"]),
    (["model=resnet"], ["'resnet'", "mlp", "conv"]),
    (["optim=sgd"], ["'sgd'", "mnist", "svhn", "cifar10"]),
    (["logger=mlflow"], ["'mlflow'", "csv", "tensorboard", "none"]),
    (["callbacks=ema"], ["'ema'", "checkpoints", "samples", "progress", "none"]),
    (["objective=vae"], ["'vae'", "semi_supervised", "supervised"]),
    (["experiment=fast"], ["fast", *options("experiment")]),
    (["debug=slow"], ["slow", *options("debug")]),
    (["trick=null"], []),
    # a key that does not exist
    (["sead=3"], ["'sead'", "did you mean 'seed'"]),
    (["lr=0.1"], ["'lr'", "did you mean 'optim.lr'"]),
    (["trainer.max_steps=10"], ["'max_steps'", "did you mean 'max_iterations'"]),
    (["wandb.mode=offline"], ["'wandb'", "logger=wandb brings it"]),
    (["model.depth=3"], ["'depth'", "model", "generator_hidden", "z_dim"]),
    (["data.num_lables=10"], ["'num_lables'", "data", "did you mean 'num_labels'"]),
    (["data.path=x"], ["'path'", "data"]),
    (["trick.label_smoothing.alpha=0.8"], ["'label_smoothing'", "trick", "feature_matching"]),
    (["trick=none", "trick.feature_matching.norm=l1"], ["'feature_matching'", "trick=[...]", "'++'"]),
    (["optim.average.decay=0.9"], ["'decay'", "optim.average", "half_life"]),
    (["+trick.foo=1"], ["trick.foo"]),
    (["+trick.feature_matching.foo=1"], ["trick.feature_matching", "'foo'", "norm"]),
    (["+trick.foo._target_=os.path.join"], ["trick.foo._target_=os.path.join", "Trick"]),
    (["+trainer.gradient_clip_val=1"], ["trainer", "'gradient_clip_val'", "max_iterations"]),
    (["+model.depth=3"], ["model", "'depth'", "generator_hidden"]),
    (["+sead=3"], ["sead", "seed"]),
    # a value of the wrong type or out of range
    (["data.num_labels=many"], ["data.num_labels", "'many'"]),
    (["data.num_labels=35"], ["data.num_labels=35", "30 or 40"]),
    (["optim.lr=-1"], ["optim.lr=-1", "greater than 0"]),
    (["trainer.precision=64"], ["trainer.precision=64", "32, bf16-mixed, 16-mixed"]),
    (["trick.feature_matching.norm=l3"], ["trick.feature_matching.norm=l3", "l1, l2"]),
    (["trainer.devices=3"], ["data.batch_size=100", "trainer.devices=3"]),
    # something mandatory, or a file, that is not there
    (["data=folder"], ["data.path=VALUE"]),
    (["data=arrays"], ["data.path=VALUE"]),
    (["ckpt_path=/no/such/run"], ["ckpt_path=/no/such/run"]),
    (["ckpt_path=last"], ["ckpt_path=last", "hydra.run.dir"]),
    # words that are no overrides
    (["trick=[feature_matching"], ["[feature_matching"]),
    (["data.num_labels"], ["data.num_labels"]),
    (["trick=label_smoothing,feature_matching"], ["trick=label_smoothing,feature_matching", "[", "--multirun"]),
    (["--config-dir=/no/such/folder"], ["/no/such/folder"]),
    (["--no-such-flag"], ["--no-such-flag", "--help"]),
    (["--resolve"], ["--resolve", "--cfg"]),
    (["--cfg=job", "--multirun"], ["Only one of", "--multirun"]),
    (["hydra.run.dir=null"], ["hydra.run.dir=null", "not"]),
    (["hydra.run.dir=~/runs"], ["hydra.run.dir=~/runs", "write the whole path"]),
    # given twice, or a number where a name belongs
    (["trick=[label_smoothing,label_smoothing]"], ["trick=[label_smoothing,label_smoothing]", "given twice"]),
    (["trick=label_smoothing", "trick=feature_matching"], ["trick is given twice", "[ONE,ANOTHER]"]),
    (["optim=3"], ["optim '3'", "mnist", "svhn"]),
    (["=3"], ["'=3'", "KEY=VALUE"]),
]


@pytest.mark.parametrize(("argv", "parts"), WRONG, ids=[" ".join(argv) for argv, _ in WRONG])
def test_a_wrong_option_is_refused_before_training(argv: list[str], parts: list[str], capfd, monkeypatch):
    monkeypatch.setattr("ssgan.run.run", lambda config: pytest.fail(f"{argv} was accepted"))
    message = refused(capfd, *argv)
    assert [part for part in parts if part not in message] == [], message


WRONG_IN_THE_RUN = [
    (["trainer.accelerator=abacus"], ["abacus"]),
    (["trainer.strategy=luck"], ["luck"]),
    (["trainer.devices=many"], ["devices"]),
    (["trainer.devices=0"], ["devices"]),
    (["callbacks=samples", "callbacks.samples.rows=0"], ["rows"]),
    (["callbacks=samples", "callbacks.samples.every=0"], ["every"]),
    (["callbacks.last.every=0"], ["every"]),
    (["+callbacks.last.foo=1"], ["foo"]),
    (["+callbacks.foo=1"], ["callbacks.foo"]),
    (["callbacks.last._target_=nowhere.Callback"], ["nowhere.Callback"]),
    (["data.augment.shift=8"], ["data.augment.shift=8", "8"]),
    (["data.num_labels=100000"], ["data.num_labels=100000"]),
    (["data.num_labels=null", "data.include_labelled=false"], ["data.include_labelled=true"]),
    (["data=arrays", "data.path=/no/such.npz", "model=mlp"], ["/no/such.npz", "data.path"]),
    (["model=conv", "model.generator_widths=[2,2,2]", "model.discriminator_widths=[2,2]"], ["8×8", "model=mlp"]),
]


@pytest.mark.parametrize(("argv", "parts"), WRONG_IN_THE_RUN, ids=[" ".join(argv) for argv, _ in WRONG_IN_THE_RUN])
def test_what_only_the_run_can_know_is_wrong_is_one_line_too(argv: list[str], parts: list[str], capfd):
    networks = [] if "model" in " ".join(argv) else TINY
    message = refused(capfd, *networks, "trainer=cpu", "trainer.max_iterations=1", *argv)
    assert [part for part in parts if part not in message] == [], message


def test_a_run_folder_that_cannot_be_made_is_one_line(tmp_path: Path, capfd):
    (tmp_path / "file").touch()
    for folder in ("file", "file/run"):
        assert f"hydra.run.dir={folder} cannot be made: " in refused(capfd, f"hydra.run.dir={folder}")


def test_a_configuration_that_lacks_a_group_is_one_line(tmp_path: Path, capfd):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "train.yaml").write_text("seed: 4\n")
    message = refused(capfd, "--config-path", str(tmp_path / "own"))
    assert "has no data" in message and "--config-dir=FOLDER" in message


def test_of_several_processes_one_says_what_is_wrong_with_the_options(monkeypatch: pytest.MonkeyPatch, capfd):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert command("optim.lr=-1", "hydra.run.dir=run") == 2
    assert capfd.readouterr().err == ""
    assert Path("run", ".hydra").is_dir(), "another process may be about to write there"
    monkeypatch.setenv("LOCAL_RANK", "0")
    refused(capfd, "optim.lr=-1", "hydra.run.dir=run")


def test_the_switch_for_full_errors_is_put_back(capfd):
    refused(capfd, "trick=hinge")
    assert "HYDRA_FULL_ERROR" not in os.environ


def test_the_switch_for_full_errors_gives_the_traceback(monkeypatch: pytest.MonkeyPatch):
    from ssgan.errors import ConfigError

    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(ConfigError, match=r"optim\.lr=-1"):
        command("optim.lr=-1")
    assert os.environ["HYDRA_FULL_ERROR"] == "1"


def test_a_defect_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch, capfd):
    def defect(config, quiet):
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("ssgan.run.run", defect)
    with pytest.raises(ZeroDivisionError, match="ours"):
        command()


def test_ctrl_c_before_the_training_is_one_word(monkeypatch: pytest.MonkeyPatch, capfd):
    def interrupt(config, quiet):
        raise KeyboardInterrupt

    monkeypatch.setattr("ssgan.run.run", interrupt)
    assert command() == 130
    assert capfd.readouterr().err == "interrupted\n"


def test_a_refused_command_leaves_nothing_and_spares_what_is_there(tmp_path: Path, capfd):
    refused(capfd, "optim.lr=-1")
    refused(capfd, "optim.lr=-1", "hydra.run.dir=a/b/c")
    assert list(tmp_path.iterdir()) == []
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    (run_dir / "status.json").write_text('{"state": "done", "iteration": 3, "iterations": 3, "updated": 1.0}')
    refused(capfd, "optim.lr=-1", "hydra.run.dir=run")
    assert json.loads((run_dir / "status.json").read_text())["state"] == "done"


# --- what is printed -------------------------------------------------------------------------------------------------


def test_help_names_every_group_its_options_and_how_to_use_them(capfd):
    assert command("--help") == 0
    text = capfd.readouterr().out
    for group in ("callbacks", "data", "experiment", "logger", "model", "objective", "optim", "trainer", "trick"):
        assert f"{group}: {', '.join(options(group))}" in text.replace("_base, ", ""), group
    for example in ("trick=[feature_matching,label_smoothing]", "-m trick=none,feature_matching", "ckpt_path=last"):
        assert example in text
    assert "num_labels: 30" in text


def test_the_printed_configuration_is_the_one_that_runs(capfd):
    assert command("--cfg", "job", "--resolve", "trick=label_smoothing", "data=svhn", "seed=4") == 0
    printed = yaml.safe_load(capfd.readouterr().out)
    assert printed["seed"] == 4 and printed["data"]["_target_"] == "ssgan.data.SVHN"
    assert printed["trick"] == {"label_smoothing": {"_target_": "ssgan.tricks.LabelSmoothing", "alpha": 0.9}}
    assert printed["trainer"]["max_epochs"] == 900
    assert not {"hydra", "experiment", "debug"} & set(printed)


def test_composing_checking_help_and_errors_import_no_torch(tmp_path: Path):
    """A wrong option is refused, and help printed, before the seconds that torch takes."""
    script = """
import sys
from pathlib import Path
from ssgan.config import config_folder
from ssgan.train import main

def call(*argv):
    sys.argv = ["ssgan-train", *argv]
    try:
        main()
    except SystemExit as end:
        return end.code

class Reached(Exception): pass
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name == "ssgan.run":
            raise Reached
sys.meta_path.insert(0, Blocked())

# hydra/ and sweep/ choose how jobs are started, not what one does
groups = [f for f in config_folder().iterdir() if f.is_dir() and f.name not in ('hydra', 'sweep')]
choices = {group.name: sorted(f.stem for f in group.glob("[!_]*.yaml")) for group in groups}
accepted = 0
for i in range(max(map(len, choices.values()))):
    row = {group: options[i % len(options)] for group, options in choices.items()}
    preset = row.pop("experiment")  # says itself what its data, model and techniques are
    alone = [f"experiment={preset}"], [f"{group}={option}" for group, option in row.items()]
    for given in (g + ["data.path=x"] * any("=folder" in o or "=arrays" in o for o in g) for g in alone):
        try:
            call(*given)
        except Reached:
            accepted += 1
try:
    call(f"trick=[{','.join(choices['trick'])}]")
except Reached:
    accepted += 1
codes = [call(*argv) or 0 for argv in (["--help"], ["--cfg", "job"], ["trick=hinge"], ["optim.lr=-1"], ["ckpt_path=x"])]
heavy = sorted({"torch", "lightning", "torchvision", "torchmetrics", "numpy", "wandb"} & set(sys.modules))
print("RESULT", accepted, codes, heavy)
"""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "HYDRA_FULL_ERROR": ""}
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)
    groups = {folder.name for folder in (REPOSITORY / "conf").iterdir() if folder.is_dir()} - {"hydra", "sweep"}
    expected = 1 + 2 * max(len(options(group)) for group in groups)
    last = result.stdout.splitlines()[-1] if result.stdout else ""
    assert last == f"RESULT {expected} [0, 0, 2, 2, 2] []", result.stderr


# --- processes -------------------------------------------------------------------------------------------------------


def shell(*argv: str, module: str = "ssgan.train") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, "-m", module, *argv], capture_output=True, text=True, env=environment)


def test_the_command_fails_with_one_line_on_stderr_and_nothing_else():
    result = shell("trick=hinge")
    assert result.returncode != 0 and result.stdout == ""
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1


def test_the_command_runs_and_succeeds(tmp_path: Path):
    result = shell(*TINY, "trainer.max_iterations=2", "hydra.run.dir=run")
    assert result.returncode == 0, result.stderr
    assert result.stderr == "", "a plain run has nothing to warn of"
    saved = json.loads((tmp_path / "run" / "result.json").read_text())
    assert saved["iterations"] == 2 and "trainer.max_iterations=2" in saved["overrides"]
    assert f"{saved['test_errors']} of 500" in result.stdout
    assert (tmp_path / "run" / "checkpoints" / "last.ckpt").is_file()


# --- sweeps ----------------------------------------------------------------------------------------------------------


def test_a_job_of_a_sweep_is_the_same_as_alone(tmp_path: Path, capfd):
    """Hydra's launcher runs all jobs in one process; nothing may leak from one to the next."""
    short = (*TINY, "trainer.max_iterations=3", "data.augment.shift=1")
    tricks = "[feature_matching,virtual_batch_norm]"
    assert command("-m", *short, f"trick=none,{tricks}", "seed=1,2", "hydra.sweep.dir=sweep") == 0
    assert command(*short, f"trick={tricks}", "seed=2", "hydra.run.dir=alone") == 0
    assert len(list((tmp_path / "sweep").glob("*/result.json"))) == 4
    last = "trick-feature_matching+virtual_batch_norm__seed-2"
    alone, job = last_checkpoint(tmp_path / "alone"), last_checkpoint(tmp_path / "sweep" / last)
    assert_equal(alone["state_dict"], job["state_dict"])
    assert_equal(alone["ssgan"]["rng_state"], job["ssgan"]["rng_state"])
    results = [json.loads((tmp_path / folder / "result.json").read_text()) for folder in ("alone", f"sweep/{last}")]
    assert results[0]["test_errors"] == results[1]["test_errors"]


def test_a_wrong_option_ends_a_sweep_without_a_traceback(capfd):
    assert command("-m", "trick=none,hinge") != 0
    err = capfd.readouterr().err
    assert err.splitlines()[-1].startswith("error: ") and "hinge" in err and "Traceback" not in err


def test_a_run_on_the_users_own_arrays(tmp_path: Path, capfd):
    write_arrays(tmp_path / "mine.npz")
    networks = ("model.generator_widths=[8,4,4]", "model.discriminator_widths=[4,4]")
    short = ("trainer=cpu", "callbacks=none", "logger=none", "data.batch_size=20", "trainer.max_iterations=1")
    assert command("data=arrays", "data.path=mine.npz", "data.num_labels=20", *networks, *short, "hydra.run.dir=r") == 0
    saved = json.loads((tmp_path / "r" / "result.json").read_text())
    assert saved["test_size"] == 100 and saved["num_labels"] == 20
