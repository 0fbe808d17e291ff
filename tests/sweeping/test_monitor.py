"""What is known of a sweep from its jobs' folders."""

from __future__ import annotations

import json
import pickle
import time
from pathlib import Path

import pytest

from ssgan.run_folder.status import RunStatus
from ssgan.sweeping.monitor import SweepMonitor, SweepState, SweepWatch
from ssgan.sweeping.plan import SweepPlan

FOLDERS = ["a", "b", "c", "d"]


def job(folder: Path, name: str, state: str, iteration: int = 0, error: str | None = None) -> None:
    (folder / name).mkdir(exist_ok=True)
    RunStatus(state, iteration, 100, 1.0, error).write(folder / name)
    if state == "done":
        (folder / name / "result.json").write_text(json.dumps({"test_error": 0.125, "seconds": 3.0}))


def state(folder: Path, folders: list[str] | None = FOLDERS) -> SweepState:
    return SweepState(folder, SweepPlan(4, [], folders))


def test_jobs_are_counted_by_state_and_each_end_is_told_once(tmp_path: Path) -> None:
    sweep = state(tmp_path)
    assert sweep.refresh() == []
    job(tmp_path, "a", "done", 100)
    job(tmp_path, "b", "running", 50)
    job(tmp_path, "c", "failed", 10, "why")
    assert sorted(sweep.refresh()) == ["a", "c"]
    assert sweep.refresh() == []
    assert [sweep.count(word) for word in ("done", "running", "failed")] == [1, 1, 1]
    assert sweep.fraction == pytest.approx(2.5)
    job(tmp_path, "b", "done", 100)
    assert sweep.refresh() == ["b"]


def test_a_job_that_a_folder_s_run_refuses_has_failed_and_the_run_has_not(tmp_path: Path) -> None:
    sweep = state(tmp_path)
    job(tmp_path, "a", "done", 100, "it is of a run with other options")
    job(tmp_path, "b", "done", 100)
    assert sorted(sweep.refresh()) == ["a", "b"]
    assert (sweep.count("failed"), sweep.count("done"), sweep.refused) == (1, 1, {"a"})
    job(tmp_path, "c", "running", 50)
    job(tmp_path, "d", "interrupted", 50, "it is of a run with other options")
    sweep.refresh()
    assert sweep.running() == [tmp_path / "c"] and sweep.count("failed") == 2


def test_jobs_that_end_at_once_are_numbered_one_by_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = state(tmp_path)
    for name in ("a", "b", "c"):
        job(tmp_path, name, "done", 100)
    watch = SweepWatch(sweep, every=0.01)
    watch.close()
    printed = capsys.readouterr().out
    assert [f"[{number}/4]" in printed for number in (1, 2, 3, 4)] == [True, True, True, False]


def test_the_time_left_is_by_the_pace_of_this_start(tmp_path: Path) -> None:
    job(tmp_path, "a", "done", 100)
    (tmp_path / "a" / "status.json").unlink()  # it was done by an earlier start
    sweep = state(tmp_path)
    assert sweep.before == {"a"}
    assert sweep.seconds_left() is None
    sweep.started = time.time() - 60
    job(tmp_path, "b", "running", 50)
    sweep.refresh()
    left = sweep.seconds_left()  # half a job in a minute, two and a half to go
    assert left == pytest.approx(300, rel=0.02)


def test_what_an_earlier_start_left_running_is_not_running_now(tmp_path: Path) -> None:
    job(tmp_path, "a", "running", 50)
    time.sleep(0.01)
    sweep = state(tmp_path)
    sweep.refresh()
    assert sweep.count("running") == 0


def test_a_search_s_jobs_are_those_that_there_are(tmp_path: Path) -> None:
    sweep = state(tmp_path, None)
    for name in ("0", "1"):
        job(tmp_path, name, "done", 100)
    assert sweep.refresh() == ["0", "1"]


def test_jobs_in_folders_within_folders_are_seen_and_members_are_no_jobs(tmp_path: Path) -> None:
    sweep = state(tmp_path, None)
    (tmp_path / "path=" / "members").mkdir(parents=True)
    job(tmp_path, "path=/0", "done", 100)
    (tmp_path / "path=" / "0" / "members").mkdir()
    job(tmp_path, "path=/0/members/1", "done", 100)
    job(tmp_path, "path=/1", "failed", 10, "why")
    job(tmp_path, "path=/2", "running", 10)
    assert sweep.refresh() == ["path=/0", "path=/1"]
    assert sweep.running() == [tmp_path / "path=" / "2"]


def test_single_runs_beside_the_jobs_are_no_jobs(tmp_path: Path) -> None:
    """A Ctrl-C would end one that runs, and the others would count as done."""
    for name, mode in (("mine", "RUN"), ("job", "MULTIRUN")):
        job(tmp_path, name, "running", 10)
        (tmp_path / name / ".hydra").mkdir()
        (tmp_path / name / ".hydra" / "hydra.yaml").write_text(
            f"hydra:\n  run:\n    dir: x\n  mode: {mode}\n  job: 1\n"
        )
    sweep = state(tmp_path, None)
    job(tmp_path, "mine", "running", 20)
    job(tmp_path, "job", "running", 20)
    sweep.refresh()
    assert sweep.running() == [tmp_path / "job"]


def test_a_sweep_of_which_nothing_is_to_be_seen_has_failed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    watch = SweepWatch(state(tmp_path, None), every=0.01)
    watch.close()
    assert watch.summarise(whole=False) == 0, "it was interrupted before the first job"
    assert watch.summarise(whole=True) == 1
    assert "no job has left anything in this folder" in capsys.readouterr().out


def test_a_search_s_earlier_jobs_count_among_all_that_there_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "abc":
        job(tmp_path, name, "done", 100)
    sweep = SweepState(tmp_path, SweepPlan(2, [], None))
    for name in "de":
        job(tmp_path, name, "done", 100)
    watch = SweepWatch(sweep, every=0.01)
    watch.close()
    assert watch.summarise(whole=True) == 0
    printed = capsys.readouterr().out
    assert "[5/5]  e" in printed and "5 of 5 jobs done (3 of them before)" in printed


def test_the_end_says_which_failed_why_and_how_to_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    watch = SweepWatch(state(tmp_path), every=0.01)
    job(tmp_path, "a", "done", 100)
    job(tmp_path, "c", "failed", 10, "the loss is [nan]")
    watch.close()
    assert watch.summarise(whole=True) == 1
    printed = capsys.readouterr().out
    assert "a  test error 12.50%  3 s" in printed
    assert "1 of 4 jobs done, 1 failed" in printed
    assert "failed  c: the loss is [nan]" in printed
    assert f"report  python -m ssgan.report {tmp_path}" in printed
    assert f"hydra.sweep.dir={tmp_path}" in printed


def test_launchers_can_send_the_callback_to_other_processes() -> None:
    assert isinstance(pickle.loads(pickle.dumps(SweepMonitor())), SweepMonitor)
