"""What the terminal shows of a sweep."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from ssgan.sweeping.monitor import SweepMonitor, SweepWatch
from ssgan.sweeping.plan import SweepPlan
from ssgan.sweeping.state import SweepState
from tests.sweeping.fake_jobs import job, state


def test_jobs_that_end_at_once_are_numbered_one_by_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = state(tmp_path)
    for name in ("a", "b", "c"):
        job(tmp_path, name, "done", 100)
    watch = SweepWatch(sweep, every=0.01)
    watch.close()
    printed = capsys.readouterr().out
    assert [f"[{number}/4]" in printed for number in (1, 2, 3, 4)] == [True, True, True, False]


def test_jobs_without_labels_have_no_error_to_show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = state(tmp_path)
    job(tmp_path, "a", "done", 100)
    path = tmp_path / "a" / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"objective": "unlabelled"}))
    SweepWatch(sweep, every=0.01).close()
    printed = capsys.readouterr().out
    assert "a  done  3 s" in printed and "error" not in printed


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
    sweep = SweepState(tmp_path, SweepPlan(2, [], [], None))
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
