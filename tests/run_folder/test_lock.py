"""A run's folder: no run over another, one process at a time, and nothing of an older run taken for the new one's."""

from __future__ import annotations

import errno
import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from ssgan.errors import ConfigError
from ssgan.machine.processes import _RANKS, first_process
from ssgan.run_folder.lock import check_unused, occupied
from ssgan.run_folder.status import RunStatus
from tests.runs import TINY, command, train

SHORT = (*TINY, "trainer.max_iterations=2", "trainer.checkpoint_every=1")


@pytest.mark.parametrize("name", ["result.json", "checkpoints/last.ckpt"])
def test_what_belongs_to_a_run_is_named(name: str, tmp_path: Path) -> None:
    check_unused(str(tmp_path))
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.touch()
    with pytest.raises(
        ConfigError, match=r"ckpt_path=last goes on with it; for a new run name another hydra\.run\.dir"
    ):
        check_unused(str(tmp_path))


@pytest.mark.parametrize(
    ("environment", "first"),
    [
        ({}, True),
        ({"RANK": "0", "LOCAL_RANK": "0"}, True),
        ({"RANK": "4", "LOCAL_RANK": "0"}, False),  # torchrun's second machine
        ({"LOCAL_RANK": "1"}, False),
        ({"NODE_RANK": "1"}, False),
        ({"SLURM_PROCID": "2"}, False),
        ({"OMPI_COMM_WORLD_RANK": "1"}, False),
        ({"PMI_RANK": "1"}, False),
        ({"JSM_NAMESPACE_RANK": "1"}, False),
        ({"OMPI_COMM_WORLD_RANK": "0"}, True),
    ],
)
def test_one_process_of_a_run_is_the_first(
    environment: dict[str, str], first: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (*_RANKS, "NODE_RANK"):
        monkeypatch.delenv(name, raising=False)
    with occupied(str(tmp_path)):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        assert first_process() is first
        with nullcontext() if not first else pytest.raises(ConfigError), occupied(str(tmp_path)):
            pass


def test_a_run_without_its_data_leaves_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run_dir = tmp_path / "run"
    assert command(*SHORT, "data=arrays", "data.path=nowhere.npz", "model=mlp", f"hydra.run.dir='{run_dir}'") == 1
    assert "nowhere.npz: there is no such file" in capfd.readouterr().err and not run_dir.exists()
    assert command(*SHORT, f"hydra.run.dir='{run_dir}'") == 0


def test_a_folder_is_one_process_s(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with occupied(str(tmp_path)):
        assert command(*SHORT, f"hydra.run.dir='{tmp_path}'") == 2
        assert "another process is training there" in capfd.readouterr().err
        assert not (tmp_path / "checkpoints").exists() and (tmp_path / ".running").exists()
    assert not (tmp_path / ".running").exists()
    assert command(*SHORT, f"hydra.run.dir='{tmp_path}'") == 0


@pytest.mark.parametrize("error", [OSError(errno.ENOLCK, "No locks available"), NotImplementedError()])
def test_a_file_system_without_locks_is_told_and_the_run_goes_on(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def acquire(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("ssgan.run_folder.lock.FileLock.acquire", acquire)
    with occupied(str(tmp_path)):
        assert "nothing keeps a second run out" in caplog.text


def test_a_folder_that_cannot_be_written_is_no_folder_without_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def acquire(*_: Any, **__: Any) -> None:
        raise OSError(errno.EACCES, "Permission denied", ".running")

    monkeypatch.setattr("ssgan.run_folder.lock.FileLock.acquire", acquire)
    assert command(*SHORT, f"hydra.run.dir='{tmp_path}'") == 1
    err = capfd.readouterr().err
    assert err.startswith("error: ") and "Permission denied" in err and err.count("\n") == 1


def test_a_resumed_run_that_does_not_end_has_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(tmp_path, *SHORT)

    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ssgan.run.summarise", stopped)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, *SHORT, "trainer.max_iterations=4", f"ckpt_path={tmp_path / 'checkpoints' / 'last.ckpt'}")
    assert not (tmp_path / "result.json").exists()


def test_a_sweep_refused_by_a_folder_s_run_leaves_that_run_what_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = (*SHORT, "data.seed=1,2", f"hydra.sweep.dir='{tmp_path}'")
    assert command("-m", *argv) == 0
    RunStatus("running", 1, 2).write(tmp_path / "data.seed-2")  # as a SIGKILL leaves it
    configurations = {path: path.read_bytes() for path in tmp_path.glob("*/.hydra/*.yaml")}
    assert len(configurations) == 6
    assert command("-m", *argv, "optim.lr=0.01") == 1
    assert {path: path.read_bytes() for path in configurations} == configurations
    out = " ".join(capsys.readouterr().out.split())
    assert "2 failed" in out and "name another folder by hydra.sweep.dir" in out
    assert "go on" not in out.split("2 failed")[1]
    for seed, state in ((1, "done"), (2, "interrupted")):
        status = json.loads((tmp_path / f"data.seed-{seed}" / "status.json").read_text())
        assert status["state"] == state and "this job has optim.lr=0.01" in status["error"]
    assert command("-m", *argv) == 0


def test_a_sweep_that_does_not_begin_leaves_no_folder(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert command("-m", "trick=none,hinge", f"hydra.sweep.dir='{tmp_path / 's'}'") == 2
    printed = capfd.readouterr()
    assert "unknown trick 'hinge'" in printed.err and "go on" not in printed.out
    assert not (tmp_path / "s").exists()
