"""Signals: a run that is told to stop saves first, and goes on as if it had not been."""

from __future__ import annotations

import json
import os
import signal
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from ssgan.callbacks import LastCheckpoint
from ssgan.run_folder.status import read_status
from ssgan.tricks import FeatureMatching
from tests.runs import SHORT, assert_equal, command, last_checkpoint, metric_rows, train


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_told_to_stop_saves_first(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd):
    monkeypatch.chdir(tmp_path)
    training_step = FeatureMatching.generator_objective
    calls = iter(range(1, 100))

    def objective(self: FeatureMatching, step: object) -> object:
        if next(calls) == 3:
            os.kill(os.getpid(), number)
        return training_step(self, step)

    handler = signal.getsignal(number)
    with monkeypatch.context() as patch:
        patch.setattr(FeatureMatching, "generator_objective", objective)
        assert command(*SHORT, "trainer.checkpoint_every=100", "hydra.run.dir=run") == 128 + number
    assert signal.getsignal(number) is handler, "the handler is given back"
    assert last_checkpoint(tmp_path / "run")["global_step"] == 3
    assert f"{signal.Signals(number).name}: stopped after iteration 3" in capfd.readouterr().out
    status = read_status(tmp_path / "run")
    assert status is not None and (status.state, status.iteration) == ("interrupted", 3)
    assert command(*SHORT, "hydra.run.dir=run", "ckpt_path=last") == 0
    assert command(*SHORT, "hydra.run.dir=whole") == 0
    assert_equal(last_checkpoint(tmp_path / "run")["state_dict"], last_checkpoint(tmp_path / "whole")["state_dict"])
    assert metric_rows(tmp_path / "run") == metric_rows(tmp_path / "whole")


def test_the_second_ctrl_c_ends_it_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd):
    monkeypatch.chdir(tmp_path)
    objective, calls = FeatureMatching.generator_objective, iter(range(1, 100))

    def signalled(self: FeatureMatching, step: object) -> object:
        if next(calls) == 3:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
        return objective(self, step)

    with monkeypatch.context() as patch:
        patch.setattr(FeatureMatching, "generator_objective", signalled)
        assert command(*SHORT, "trainer.checkpoint_every=2", "hydra.run.dir=run") == 128 + signal.SIGINT
    assert capfd.readouterr().err.endswith("interrupted\n")
    status = read_status(tmp_path / "run")
    assert status is not None and status.state == "interrupted"
    assert last_checkpoint(tmp_path / "run")["global_step"] == 2, "the third iteration was not finished"


def test_a_job_that_slurm_requeues_goes_on_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bin").mkdir()
    scontrol = tmp_path / "bin" / "scontrol"
    scontrol.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n')
    scontrol.chmod(0o755)
    slurm = {"SLURM_JOB_ID": "42", "SLURM_NTASKS": "1", "SLURM_JOB_NAME": "train", "SLURM_PROCID": "0",
             "SLURM_LOCALID": "0", "SLURM_NODEID": "0", "SLURM_NODELIST": "localhost",
             "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}  # fmt: skip
    for name, value in slurm.items():
        monkeypatch.setenv(name, value)
    objective, calls = FeatureMatching.generator_objective, iter(range(1, 100))

    def signalled(self: FeatureMatching, step: object) -> object:
        call = next(calls)
        if call == 3:
            os.kill(os.getpid(), signal.SIGUSR1)  # sbatch --signal=USR1@90
        if call == 5:
            os.kill(os.getpid(), signal.SIGTERM)  # scontrol requeue ends the job
        return objective(self, step)

    run = (*SHORT, "trainer.checkpoint_every=100", "hydra.run.dir=run")
    with monkeypatch.context() as patch:
        patch.setattr(FeatureMatching, "generator_objective", signalled)
        assert command(*run) == 128 + signal.SIGTERM
    assert (tmp_path / "asked").read_text() == "requeue 42\n"
    left = torch.load(tmp_path / "run" / "hpc_ckpt_1.ckpt", weights_only=True)
    assert left["global_step"] == 3, "saved between two iterations, not in one"
    steps: list[int] = []
    plain = LastCheckpoint.on_train_batch_end
    monkeypatch.setattr(
        LastCheckpoint, "on_train_batch_end",
        lambda self, trainer, *a: (steps.append(trainer.global_step), plain(self, trainer, *a))[1],
    )  # fmt: skip
    assert command(*run) == 0, "the same command again"
    assert steps == [6], "it went on from the newer of the two checkpoints"
    assert command(*SHORT, "hydra.run.dir=whole") == 0
    assert_equal(last_checkpoint(tmp_path / "run")["state_dict"], last_checkpoint(tmp_path / "whole")["state_dict"])
    errors = [json.loads((tmp_path / name / "result.json").read_text())["test_errors"] for name in ("run", "whole")]
    assert errors[0] == errors[1], "what was trained is tested, and not what Lightning left to requeue"


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2])
def test_who_awaits_a_signal_of_the_batch_system_gets_it_when_the_state_is_saved(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As submitit does, which requeues the job and ends it."""
    monkeypatch.chdir(tmp_path)
    saved: list[int] = []

    def awaited(received: int, frame: object) -> None:
        assert received == number
        saved.append(last_checkpoint(tmp_path / "run")["global_step"])
        raise SystemExit(7)

    objective, calls = FeatureMatching.generator_objective, iter(range(1, 100))

    def signalled(self: FeatureMatching, step: object) -> object:
        if next(calls) == 3:
            os.kill(os.getpid(), number)
        return objective(self, step)

    before = signal.signal(number, awaited)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(FeatureMatching, "generator_objective", signalled)
            assert command(*SHORT, "trainer.checkpoint_every=100", "hydra.run.dir=run") == 7
        assert signal.getsignal(number) is awaited, "it is given back"
    finally:
        signal.signal(number, before)
    assert saved == [3], "saved between two iterations, before it was passed on"
    status = read_status(tmp_path / "run")
    assert status is not None and (status.state, status.iteration) == ("interrupted", 3)
    assert command(*SHORT, "hydra.run.dir=run", "ckpt_path=last") == 0
    assert command(*SHORT, "hydra.run.dir=whole") == 0
    assert_equal(last_checkpoint(tmp_path / "run")["state_dict"], last_checkpoint(tmp_path / "whole")["state_dict"])


@pytest.mark.parametrize("name", ["bash", "train"])
def test_many_tasks_of_which_this_is_one_process_are_no_traceback(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """In a shell of ``salloc --ntasks=4``, or in a batch script without ``srun``."""
    for key, value in {"SLURM_JOB_ID": "42", "SLURM_NTASKS": "4", "SLURM_JOB_NAME": name}.items():
        monkeypatch.setenv(key, value)
    status = command(*SHORT, f"hydra.run.dir='{tmp_path}/run'")
    printed = capfd.readouterr()
    assert "Traceback" not in printed.err
    assert (status, printed.err.count("\n")) in ((0, 0), (2, 1)), printed.err


def test_without_checkpoints_nothing_is_said_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    objective = FeatureMatching.generator_objective

    def signalling(self: FeatureMatching, step: object) -> object:
        os.kill(os.getpid(), signal.SIGTERM)
        return objective(self, step)

    monkeypatch.setattr(FeatureMatching, "generator_objective", signalling)
    assert command(*SHORT, "callbacks=none", "hydra.run.dir=run") == 128 + signal.SIGTERM
    said = capfd.readouterr().out
    assert "stopped after iteration 1; callbacks has no checkpoints, so nothing was saved" in said
    assert "go on" not in said and "goes on" not in said


@pytest.mark.parametrize("ending", ["done", "failed", "stopped", "interrupted"])
def test_a_run_from_python_gives_all_signals_back(ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def end(*_: object) -> None:
        if ending == "failed":
            raise ZeroDivisionError
        for _ in range({"done": 0, "stopped": 1, "interrupted": 2}[ending]):
            os.kill(os.getpid(), signal.SIGINT)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
    before = {number: signal.getsignal(number) for number in numbers}
    monkeypatch.setattr(LastCheckpoint, "on_train_batch_start", end)
    with nullcontext() if ending == "done" else pytest.raises((ZeroDivisionError, SystemExit)):
        train(tmp_path, *SHORT)
    assert {number: signal.getsignal(number) for number in numbers} == before
