"""The command that trains: what it prints, help without torch, a plain run, and a sweep."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.fake_data import write_arrays
from tests.runs import REPOSITORY, TINY, assert_equal, command, last_checkpoint, options

pytestmark = pytest.mark.usefixtures("in_tmp_path")


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
preset = choices.pop("experiment")[0]  # it and the others say what their data, model and techniques are, no more
rows = [[f"experiment={preset}"]]
for i in range(max(map(len, choices.values()))):
    rows.append([f"{group}={options[i % len(options)]}" for group, options in choices.items()])
for given in rows:
    try:
        call(*given, *["data.path=x"] * any(o in ("data=folder", "data=table", "data=arrays") for o in given))
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
    expected = 2 + max(len(options(group)) for group in groups - {"experiment"})
    last = result.stdout.splitlines()[-1] if result.stdout else ""
    assert last == f"RESULT {expected} [0, 0, 2, 2, 2] []", result.stderr


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


def test_a_run_on_the_users_own_arrays(tmp_path: Path, capfd):
    write_arrays(tmp_path / "mine.npz")
    networks = ("model.generator_widths=[8,4,4]", "model.discriminator_widths=[4,4]")
    short = ("trainer=cpu", "callbacks=none", "logger=none", "data.batch_size=20", "trainer.max_iterations=1")
    assert command("data=arrays", "data.path=mine.npz", "data.num_labels=20", *networks, *short, "hydra.run.dir=r") == 0
    saved = json.loads((tmp_path / "r" / "result.json").read_text())
    assert saved["test_size"] == 100 and saved["num_labels"] == 20
