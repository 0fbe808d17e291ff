"""Jobs of a sweep by the command: contained, left out when done, taken up where they were cut off."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import OmegaConf

from ssgan.errors import SSGANError
from ssgan.run_folder.status import RunStatus, read_status
from ssgan.sweeping.job import contained
from tests.runs import TINY, assert_equal, command, last_checkpoint, metric_rows, train

SWEEP = ("-m", *TINY, "logger=csv", "trainer.max_iterations=6", "trainer.log_every=2", "trainer.eval_every=3")


def sweep(folder: Path, *overrides: str) -> int:
    """The command's exit status."""
    return command(*SWEEP, f"hydra.sweep.dir={folder}", *overrides)


def results(folder: Path) -> dict[str, dict[str, Any]]:
    """What each finished job reports, by the name of its folder."""
    return {path.parent.name: json.loads(path.read_text()) for path in sorted(folder.glob("*/result.json"))}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep") / "done"
    assert sweep(folder, "trick=none,[feature_matching,label_smoothing]", "data.seed=1,2") == 0
    return folder


def test_each_job_has_a_folder_that_says_what_it_is(done: Path) -> None:
    assert list(results(done)) == [
        f"trick-{tricks}__data.seed-{seed}"
        for tricks in ("feature_matching+label_smoothing", "none")
        for seed in (1, 2)
    ]
    for name, result in results(done).items():
        assert result["tricks"] == ([] if "none" in name else ["feature_matching", "label_smoothing"])
        assert name.endswith(f"data.seed-{result['data_seed']}")


def test_a_job_gives_what_the_same_run_gives_alone(done: Path, tmp_path: Path) -> None:
    """Also the last of four: nothing has leaked from the others."""
    alone = ("logger=csv", *SWEEP[1:], "trick=none", "data.seed=2")
    train(tmp_path / "alone", *alone)
    job = done / "trick-none__data.seed-2"
    assert_equal(last_checkpoint(tmp_path / "alone")["state_dict"], last_checkpoint(job)["state_dict"])
    assert metric_rows(tmp_path / "alone") == metric_rows(job)


def test_a_second_start_does_nothing_again(done: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in done.glob("*/checkpoints/*")}
    assert len(before) == 4
    assert sweep(done, "trick=none,[feature_matching,label_smoothing]", "data.seed=1,2") == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert "4 of 4 jobs done (4 of them before)" in capsys.readouterr().out


def test_a_start_with_more_jobs_does_the_new_ones(
    done: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(done, tmp_path / "more")
    assert sweep(tmp_path / "more", "trick=none,[feature_matching,label_smoothing]", "data.seed=1,2,3") == 0
    assert len(results(tmp_path / "more")) == 6
    assert "6 of 6 jobs done (4 of them before)" in capsys.readouterr().out


def test_a_folder_of_other_runs_is_not_touched(done: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(done, tmp_path / "other")
    before = results(tmp_path / "other")
    assert (
        sweep(tmp_path / "other", "trick=none,[feature_matching,label_smoothing]", "data.seed=1,2", "optim.lr=0.1") == 1
    )
    assert results(tmp_path / "other") == before
    printed = " ".join(capsys.readouterr().out.split())
    assert "optim.lr=0.003, and this job has optim.lr=0.1: name another folder by hydra.sweep.dir" in printed


def test_folders_named_by_number_are_watched_too_and_stay_what_they_are(tmp_path: Path, capfd) -> None:
    numbered = ("trick=none", "hydra.sweep.subdir=${hydra.job.num}")
    assert sweep(tmp_path, *numbered, "data.seed=1,2") == 0
    written = capfd.readouterr()
    assert "2 of 2 jobs done" in written.out and written.err == ""
    configurations = {path: path.read_bytes() for path in tmp_path.glob("[01]/.hydra/*.yaml")}
    assert len(configurations) == 6
    assert sweep(tmp_path, *numbered, "data.seed=3,4") == 1
    assert "this job has data.seed=4: name another folder" in capfd.readouterr().out
    assert {path: path.read_bytes() for path in configurations} == configurations


def test_what_does_not_change_results_may_differ(done: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = ("logger=none", "trainer.log_every=3", "callbacks=none", "data.root=/elsewhere")
    assert sweep(done, "trick=none,[feature_matching,label_smoothing]", "data.seed=1,2", *other) == 0
    assert "4 of 4 jobs done (4 of them before)" in capsys.readouterr().out


def test_a_failed_job_is_its_own_affair(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said, write = [], RunStatus.write
    monkeypatch.setattr(RunStatus, "write", lambda self, run_dir: said.append(self.error) or write(self, run_dir))
    assert sweep(tmp_path / "s", "optim.lr=-1,1e30,0.003", "trick=none") == 1
    assert list(results(tmp_path / "s")) == ["optim.lr-0.003"]
    states = {path.parent.name: read_status(path.parent) for path in (tmp_path / "s").glob("*/status.json")}
    assert {name: status.state for name, status in states.items() if status} == {
        "optim.lr--1": "failed",
        "optim.lr-1e+30": "failed",
        "optim.lr-0.003": "done",
    }
    out = " ".join(capsys.readouterr().out.split())
    assert "1 of 3 jobs done, 2 failed" in out
    assert "failed optim.lr--1: optim.lr=-1.0: must be greater than 0" in out
    assert "failed optim.lr-1e+30: the " in out and " is nan at iteration " in out
    diverged = [error for error in said if error and " is nan at iteration " in error]
    assert len(diverged) == 2 and len(set(diverged)) == 1, "whoever looks between the two sees the same"
    assert f"go on the same command with hydra.sweep.dir={tmp_path / 's'}" in out
    train(tmp_path / "alone", "logger=csv", *SWEEP[1:], "trick=none")
    assert_equal(
        last_checkpoint(tmp_path / "alone")["state_dict"],
        last_checkpoint(tmp_path / "s" / "optim.lr-0.003")["state_dict"],
    )


def test_a_defect_is_named_and_leaves_its_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import ssgan.run

    run = ssgan.run.run

    def broken(config: Any, quiet: bool) -> Any:
        if config.data.seed == 1:
            raise TypeError("a defect")
        return run(config, quiet)

    monkeypatch.setattr(ssgan.run, "run", broken)
    assert sweep(tmp_path / "s", "data.seed=1,2") == 1
    assert "failed data.seed-1: TypeError: a defect" in " ".join(capsys.readouterr().out.split())
    assert "Traceback" in (tmp_path / "s" / "data.seed-1" / "train.log").read_text()
    assert list(results(tmp_path / "s")) == ["data.seed-2"]


def test_environment_and_warnings_of_a_job_are_its_own(tmp_path: Path) -> None:
    environment, filters, threads = dict(os.environ), list(warnings.filters), threading.active_count()
    assert sweep(tmp_path / "s", "data.seed=1,2", "callbacks=none", "logger=none") == 0
    assert dict(os.environ) == environment
    assert list(warnings.filters) == filters
    assert threading.active_count() <= threads + 1  # torch may have started one of its own


def hear_interrupts() -> None:
    """In the child: undo what a shell does to its background jobs."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_job_that_was_cut_off_goes_on_where_it_was(tmp_path: Path, how: signal.Signals) -> None:
    """The rest of the sweep follows, and every job equals the uninterrupted one bit for bit."""
    folder = tmp_path / "s"
    overrides = ("trick=none", "data.seed=1,2", "trainer.max_iterations=100", "trainer.checkpoint_every=5")
    argv = [sys.executable, "-m", "ssgan.train", *SWEEP, *overrides, f"hydra.sweep.dir={folder}"]
    child = subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=hear_interrupts
    )
    first = folder / "data.seed-1"
    deadline = time.monotonic() + 120
    while not (first / "checkpoints" / "last.ckpt").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(how)
    out, _ = child.communicate(timeout=60)
    assert child.returncode != 0
    status = read_status(first)
    assert status is not None and status.state == ("interrupted" if how == signal.SIGINT else "running"), out
    assert not (first / "result.json").exists(), "it was too fast to be cut off"
    if how == signal.SIGINT:
        assert "0 of 2 jobs done" in out and f"go on   the same command with hydra.sweep.dir={folder}" in out
    assert sweep(folder, *overrides) == 0
    train(tmp_path / "alone", "logger=csv", *SWEEP[1:], *overrides[:1], "data.seed=1", *overrides[2:])
    assert_equal(last_checkpoint(tmp_path / "alone")["state_dict"], last_checkpoint(first)["state_dict"])
    assert metric_rows(tmp_path / "alone") == metric_rows(first)
    assert set(results(folder)) == {"data.seed-1", "data.seed-2"}


def test_a_damaged_checkpoint_of_a_job_says_how_to_begin_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = tmp_path / "s" / "data.seed-1" / "checkpoints" / "last.ckpt"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"no checkpoint")
    assert sweep(tmp_path / "s", "data.seed=1,2") == 1
    out = " ".join(capsys.readouterr().out.split())
    assert f"failed data.seed-1: {checkpoint} is not a whole checkpoint" in out
    assert "delete it to begin the job anew" in out and "1 of 2 jobs done" in out


@pytest.mark.parametrize(("place", "state"), [("show", "done"), ("write", "interrupted")])
def test_an_interruption_once_the_result_is_there_leaves_the_run_done(
    place: str, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"ssgan.run.{place}", interrupted)
    assert command(*TINY, "trainer.max_iterations=2", f"hydra.run.dir='{tmp_path}'") != 0
    status = read_status(tmp_path)
    assert status is not None and status.state == state
    assert (tmp_path / "result.json").exists() is (state == "done")


@pytest.mark.parametrize(("before", "after"), [("interrupted", "interrupted"), ("done", "done"), ("running", "failed")])
def test_a_further_process_does_not_say_otherwise_how_a_run_ended(
    before: str, after: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It hears of the first one's end as of a lost connection; where that one was killed nobody else can tell."""

    def lost(cfg: object) -> None:
        RunStatus(before, 5, 10).write(tmp_path)
        raise SSGANError("another process of this run was lost")

    monkeypatch.setenv("LOCAL_RANK", "1")
    hydra = SimpleNamespace(mode=RunMode.RUN, runtime=SimpleNamespace(output_dir=str(tmp_path), cwd=str(tmp_path)))
    monkeypatch.setattr(HydraConfig, "get", lambda: hydra)
    monkeypatch.setattr(HydraConfig, "initialized", lambda: True)
    with pytest.raises(SSGANError):
        contained(lost)(OmegaConf.create())
    status = read_status(tmp_path)
    assert status is not None and status.state == after
