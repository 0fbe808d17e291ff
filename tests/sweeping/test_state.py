"""What is known of a sweep from its jobs' folders."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.sweeping.fake_jobs import job, state


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
