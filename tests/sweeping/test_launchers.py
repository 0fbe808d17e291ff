"""Hydra's launchers and its Optuna sweeper, each with real processes and real jobs."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from ssgan.run_folder.status import read_status
from ssgan.sweeping.job import prepare
from tests.runs import TINY, assert_equal, compose_run, last_checkpoint, train

JOB = (*TINY, "logger=csv", "trainer.max_iterations=6", "trainer.eval_every=3")


def plugin(name: str) -> pytest.MarkDecorator:
    missing = importlib.util.find_spec(f"hydra_plugins.{name}") is None
    return pytest.mark.skipif(missing, reason=f"{name} is not installed")


def start(folder: Path, *overrides: str) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "ssgan.train", "-m", *JOB, f"hydra.sweep.dir={folder}", *overrides]
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)


def sweep(folder: Path, *overrides: str) -> tuple[int, str]:
    """Exit status and what it printed."""
    child = start(folder, *overrides)
    out, _ = child.communicate(timeout=240)
    return child.returncode, out


def hardware(folder: Path) -> set[str]:
    return {json.loads(path.read_text())["hardware"] for path in folder.glob("*/result.json")}


@plugin("hydra_joblib_launcher")
def test_joblib_shares_threads_among_its_processes_and_contains_failures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "optim.lr=0.003,-1", "data.seed=1,2")
    status, out = sweep(tmp_path / "s", *options)
    assert status == 1, out
    assert "2 of 4 jobs done, 2 failed" in out, out
    assert "must be greater than 0" in out and "Traceback" not in out
    each = max(1, len(os.sched_getaffinity(0)) // 2)
    assert all(words.endswith(f"{each} threads") for words in hardware(tmp_path / "s"))
    monkeypatch.setenv("OMP_NUM_THREADS", str(each))  # trainer.threads sets it: given back afterwards
    before = torch.get_num_threads()
    train(tmp_path / "alone", *JOB, "optim.lr=0.003", "data.seed=2", f"trainer.threads={each}")
    torch.set_num_threads(before)
    job = tmp_path / "s" / "optim.lr-0.003__data.seed-2"
    assert_equal(last_checkpoint(tmp_path / "alone")["state_dict"], last_checkpoint(job)["state_dict"])


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    stats = [path.read_text() for path in Path("/proc").glob("[0-9]*/stat")]
    return [int(stat.split()[0]) for stat in stats if stat.rpartition(")")[2].split()[1] == str(pid)]


@plugin("hydra_joblib_launcher")
@pytest.mark.skipif(sys.platform != "linux", reason="finds the workers in /proc")
def test_a_killed_worker_is_one_line_and_the_sweep_can_go_on(tmp_path: Path) -> None:
    options = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "data.seed=1,2", "trainer.max_iterations=100000")
    child = start(tmp_path / "s", *options, "trainer.checkpoint_every=5")
    first = tmp_path / "s" / "data.seed-1"
    deadline = time.monotonic() + 120
    while not (first / "checkpoints" / "last.ckpt").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    workers = [pid for pid in children(child.pid) if b"popen_loky" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert len(workers) == 2
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    out, _ = child.communicate(timeout=120)
    assert child.returncode != 0
    assert "Traceback" not in out, out
    assert "worker process" in out and f"hydra.sweep.dir={tmp_path / 's'}" in out, out


def at_work(folder: Path, *seeds: int) -> None:
    """Wait until these jobs train."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        known = [read_status(folder / f"data.seed-{seed}") for seed in seeds]
        if all(status is not None and status.iteration > 0 for status in known):
            return
        time.sleep(0.05)
    raise AssertionError("the jobs have not begun")


@plugin("hydra_joblib_launcher")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_sweep_that_is_told_to_stop_lets_its_jobs_write_their_checkpoints(
    tmp_path: Path, how: signal.Signals
) -> None:
    """The signal reaches the sweep's process alone, as that of ``kill`` or of a batch system does."""
    folder = tmp_path / "s"
    options = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "data.seed=1,2,3", "trainer.max_iterations=100000")
    child = start(folder, *options, "trainer.eval_every=100000", "trainer.checkpoint_every=100000")
    at_work(folder, 1, 2)
    child.send_signal(how)
    out, _ = child.communicate(timeout=120)
    assert child.returncode == 128 + how, out
    assert "stopping: 2 running jobs write their checkpoints" in out and "Traceback" not in out, out
    assert "0 of 3 jobs done" in out and f"go on   the same command with hydra.sweep.dir={folder}" in out
    for seed in (1, 2):
        run_dir = folder / f"data.seed-{seed}"
        status = read_status(run_dir)
        assert status is not None and status.state == "interrupted"
        assert last_checkpoint(run_dir)["global_step"] == status.iteration > 0


@plugin("hydra_submitit_launcher")
def test_submitit_runs_each_job_as_one_of_its_own(tmp_path: Path) -> None:
    status, out = sweep(tmp_path / "s", "hydra/launcher=submitit_local", "optim.lr=0.003,-1")
    assert status == 1, out
    assert "1 of 2 jobs done, 1 failed" in out, out
    assert "Traceback" not in out, out


@plugin("hydra_submitit_launcher")
def test_the_slurm_preset_asks_for_a_gpu_for_each_job(tmp_path: Path) -> None:
    from hydra import compose, initialize_config_dir

    from ssgan.config import config_folder

    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        launcher = compose("train", ["hydra/launcher=slurm"], return_hydra_config=True).hydra.launcher
    assert launcher._target_.endswith(".SlurmLauncher")
    assert (launcher.gpus_per_node, launcher.tasks_per_node, launcher.nodes) == (1, 1, 1)
    assert launcher.max_num_timeout > 0


@plugin("hydra_optuna_sweeper")
def test_optuna_searches_by_held_out_labels(tmp_path: Path) -> None:
    study = (f"hydra.sweeper.storage=sqlite:///{tmp_path}/tune.db", "hydra.sweeper.study_name=digits")
    options = ("sweep=tune", "hydra.sweeper.n_trials=3", "data.num_val=50", "optim.lr=0.001,0.003", *study)
    status, out = sweep(tmp_path / "s", *options)
    assert status == 0, out
    results = [json.loads(path.read_text()) for path in (tmp_path / "s").glob("*/result.json")]
    assert len(results) == 3
    found = (tmp_path / "s" / "optimization_results.yaml").read_text()
    best = min(result["val_error"] for result in results)
    assert f"best_value: {best}" in found
    assert "3 of 3 jobs done" in out
    statuses = [read_status(path.parent) for path in (tmp_path / "s").glob("*/status.json")]
    assert [status.state for status in statuses if status] == ["done"] * 3
    with closing(sqlite3.connect(tmp_path / "tune.db")) as kept:
        values = [value for (value,) in kept.execute("select value from trial_values")]
    assert sorted(values) == sorted(result["val_error"] for result in results)


@pytest.mark.parametrize(
    ("launcher", "threads"),
    [
        ({"_target_": "a.BasicLauncher"}, None),
        ({"_target_": "a.JoblibLauncher", "n_jobs": 3}, 2),
        ({"_target_": "a.JoblibLauncher", "n_jobs": -1}, 1),
        ({"_target_": "a.LocalLauncher", "array_parallelism": 20}, 1),
        ({"_target_": "a.SlurmLauncher", "array_parallelism": 20}, None),
    ],
)
def test_jobs_at_once_share_the_cores(monkeypatch, tmp_path, launcher, threads):
    monkeypatch.setattr("ssgan.sweeping.job.cpu_count", lambda: 8)
    for given, environment, expected in ((None, None, threads), (5, None, 5), (None, "4", None)):
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        if environment:
            monkeypatch.setenv("OMP_NUM_THREADS", environment)
        config = compose_run(tmp_path, *TINY, f"trainer.threads={'null' if given is None else given}")
        with monkeypatch.context() as patch:
            patch.setattr(HydraConfig, "get", staticmethod(lambda: OmegaConf.create({"launcher": launcher})))
            prepare(config)
        assert config.trainer.threads == expected
