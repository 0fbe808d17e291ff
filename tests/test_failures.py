"""What can go wrong around a run: disks, memory, lost processes. One line each, and nothing lost."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path

import pytest
import torch

from ssgan.errors import SSGANError
from ssgan.failures import told_in_one_line
from ssgan.run_folder.status import RunStatus
from ssgan.tricks import FeatureMatching
from tests.runs import SHORT, command, compose_run, last_checkpoint, refused, train

# --- disks -----------------------------------------------------------------------------------------------------------


def test_a_status_that_cannot_be_written_does_not_stop_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog):
    write = RunStatus.write

    def refuse(self: RunStatus, run_dir: str) -> None:
        if self.iteration:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(self, run_dir)

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr("ssgan.callbacks.status_file.RunStatus.write", refuse)
        patch.setattr("ssgan.run.RunStatus.write", lambda self, run_dir: write(self, run_dir))
        with pytest.raises(OSError, match="No space left"):  # but the last one, with the result, has to be
            patch.setattr("ssgan.run.RunStatus.write", refuse)
            train(tmp_path, *SHORT)
    assert [
        record.getMessage().partition(":")[0] for record in caplog.records if "status.json" in record.getMessage()
    ] == ["status.json could not be written"]
    assert last_checkpoint(tmp_path)["global_step"] == 6 and (tmp_path / "result.json").is_file()


def test_a_folder_that_cannot_be_written_is_one_line(capfd, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    assert command(*SHORT, "hydra.run.dir=/proc/run") == 1  # the kernel's own: read-only even for root
    line = capfd.readouterr().err
    assert line.startswith("error: ") and line.count("\n") == 1 and "/proc/run" in line


# --- memory and processes --------------------------------------------------------------------------------------------


def test_out_of_memory_says_what_to_reduce(tmp_path: Path):
    huge = "model.generator_hidden=[8,1000000000000]"  # 32 TB, refused at once: the machine must not begin to fill
    with pytest.raises(SSGANError, match=r"out of memory .*data\.batch_size \(now 10\).*widths") as error:
        train(tmp_path, *SHORT, huge)
    assert "\n" not in str(error.value)


def test_a_gpu_that_runs_out_of_memory_says_what_to_reduce(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def objective(self: object, step: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nmany lines")

    monkeypatch.setattr(FeatureMatching, "generator_objective", objective)
    with pytest.raises(SSGANError, match=r"out of memory \(CUDA out of memory.*reduce data\.batch_size") as error:
        train(tmp_path, *SHORT)
    assert "\n" not in str(error.value)


def test_a_lost_process_is_one_line_that_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    config = compose_run(tmp_path, *SHORT)
    monkeypatch.setattr("ssgan.run_folder.checkpoint.HydraConfig.initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    lost = "another process of this run was lost"
    for saved in (False, True):
        if saved:
            (tmp_path / "checkpoints").mkdir()
            (tmp_path / "checkpoints" / "last.ckpt").touch()
        with pytest.raises(SSGANError, match=lost) as error, told_in_one_line(config):
            raise RuntimeError("[pair.cc:561] Connection closed by peer [127.0.0.1]:49815. This is typically\nmore")
        assert (
            "\n" not in str(error.value)
            and (f"hydra.run.dir={tmp_path} ckpt_path=last go on" in str(error.value)) is saved
        )


def test_other_errors_are_not_taken_for_these(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def objective(self: object, step: object) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(FeatureMatching, "generator_objective", objective)
    with pytest.raises(RuntimeError, match="mat1"):
        train(tmp_path, *SHORT)


# --- callbacks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("callback", "said"),
    [
        (("StochasticWeightAveraging", "swa_lrs=0.1"), "SWA currently works with 1 `optimizer`"),
        (("GradientAccumulationScheduler", "scheduling={0:2}"), "is not supported for manual optimization."),
        (
            ("EarlyStopping", "monitor=val/err", "data.num_val=10", "trainer.eval_every=1"),
            "on metric `val/err` which is",
        ),
    ],
)
def test_lightning_s_callbacks_that_cannot_work_are_refused(
    callback: tuple[str, ...], said: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    name, option, *others = callback
    node = (f"+callbacks.own._target_=lightning.pytorch.callbacks.{name}", f"+callbacks.own.{option}", *others)
    assert said in refused(capfd, *SHORT, *node, f"hydra.run.dir={tmp_path / 'run'}")
