"""Ctrl-C and SIGTERM outside of a training: a sweep's jobs end first, and a run's end is noted."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ssgan.run_folder.status import RunStatus, read_status
from ssgan.sweeping import stopping
from ssgan.sweeping.stopping import GracefulStop, graceful_stop, sigterm_ends
from tests.runs import SHORT, command


@pytest.mark.parametrize("place", ["ssgan.run.build_model", "ssgan.run.summarise"])
def test_sigterm_outside_of_the_training_is_noted(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(place, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
        assert command(*SHORT, "hydra.run.dir=run") == 128 + signal.SIGTERM
    assert "terminated" in capfd.readouterr().err
    status = read_status(tmp_path / "run")
    assert status is not None and status.state == "interrupted"
    assert not (tmp_path / "run" / ".running").exists() and not (tmp_path / "run" / "result.json").exists()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, "it is given back"


#: A job that is told to stop says that it has when it has.
JOB = 'trap "mv ended status.json; exit" TERM; touch ready; while :; do sleep 0.02; done'


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Start a job in a process of its own; its folder."""
    children = []

    def begin(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        RunStatus("interrupted", 3, 9).write(folder)
        (folder / "status.json").rename(folder / "ended")
        children.append(subprocess.Popen(["sh", "-c", JOB], cwd=folder))
        until = time.monotonic() + 60
        while not (folder / "ready").exists() and time.monotonic() < until:
            time.sleep(0.005)
        RunStatus("running", 3, 9, pid=children[-1].pid).write(folder)
        return folder

    yield begin
    for child in children:
        child.kill()
        child.wait()


def states(*folders: Path) -> list[str]:
    return [status.state for status in map(read_status, folders) if status is not None]


def test_sigterm_is_passed_on_and_the_sweep_ends_when_its_jobs_have(
    start: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [start("a"), start("b")]
    with pytest.raises(SystemExit) as end:
        GracefulStop(lambda: folders)(signal.SIGTERM, None)
    assert end.value.code == 128 + signal.SIGTERM and states(*folders) == ["interrupted"] * 2
    assert capsys.readouterr().err == ("\nstopping: 2 running jobs write their checkpoints; again ends at once\n")


class Machine:
    """A clock that runs while one sleeps, and what signals are sent to one other process when, which heeds SIGTERM."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.now = folder, 0.0
        self.sent: list[tuple[int, float]] = []
        self.meanwhile: Callable[[], None] = lambda: None
        RunStatus("running", 3, 9, pid=os.getpid() + 1).write(folder)
        clock = SimpleNamespace(monotonic=lambda: self.now, time=time.time, sleep=self.sleep)
        monkeypatch.setattr(stopping, "time", clock)
        monkeypatch.setattr(stopping.os, "kill", self.kill)

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.meanwhile()

    def kill(self, pid: int, number: int) -> None:
        assert pid == os.getpid() + 1
        if number:
            self.sent.append((number, self.now))
            RunStatus("interrupted", 3, 9).write(self.folder)


def test_a_terminal_s_ctrl_c_has_a_second_to_reach_the_jobs_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(tmp_path, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        GracefulStop(lambda: [tmp_path])(signal.SIGINT, None)
    assert machine.sent == [(signal.SIGTERM, pytest.approx(1.05, abs=0.06))]
    machine = Machine(tmp_path, monkeypatch)
    machine.meanwhile = lambda: RunStatus("interrupted", 3, 9).write(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        GracefulStop(lambda: [tmp_path])(signal.SIGINT, None)
    assert machine.sent == [], "it has ended by then"


def test_a_second_signal_ends_the_sweep_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(tmp_path, monkeypatch)
    stop = GracefulStop(lambda: [tmp_path])
    machine.meanwhile = lambda: stop(signal.SIGTERM, None)
    with pytest.raises(SystemExit) as end:
        stop(signal.SIGINT, None)
    assert end.value.code == 128 + signal.SIGTERM and machine.sent == [] and machine.now <= 0.1
    assert states(tmp_path) == ["running"]


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "done"},
        {"updated": time.time() - 400},
        {"pid": os.getpid()},
        {"host": "elsewhere"},
        {"pid": -1},  # stands for one that is gone
        None,
    ],
)
def test_what_is_no_other_process_of_this_machine_is_not_waited_for(
    changes: dict[str, Any] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if changes is not None:
        if changes.get("pid") == -1:
            gone = subprocess.Popen(["true"])
            gone.wait()
            changes = {"pid": gone.pid}
        RunStatus(**{"state": "running", "pid": os.getppid(), **changes}).write(tmp_path)
    kill = os.kill
    monkeypatch.setattr(stopping.os, "kill", lambda pid, number: kill(pid, 0) if not number else pytest.fail("told"))
    with pytest.raises(SystemExit):
        GracefulStop(lambda: [tmp_path])(signal.SIGTERM, None)
    assert capsys.readouterr().err == ""


def test_handlers_are_set_for_the_while_and_given_back() -> None:
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    with pytest.raises(ZeroDivisionError), graceful_stop(list):
        assert all(isinstance(signal.getsignal(number), GracefulStop) for number in numbers)
        raise ZeroDivisionError
    assert [signal.getsignal(number) for number in numbers] == before


def test_outside_of_the_main_thread_nothing_is_set() -> None:
    seen: list[Any] = []

    def look() -> None:
        with graceful_stop(list), sigterm_ends():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]


def test_sigterm_ends_what_runs_meanwhile_unless_somebody_handles_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    with pytest.raises(SystemExit) as end, sigterm_ends():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(1)
    assert end.value.code == 128 + signal.SIGTERM and capsys.readouterr().err == "terminated\n"
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    heard: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    try:
        with sigterm_ends():
            os.kill(os.getpid(), signal.SIGTERM)
        assert heard == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
