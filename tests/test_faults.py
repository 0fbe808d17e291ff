"""What can go wrong around a run: disks, memory, data, downloads. One line each, and nothing lost."""

from __future__ import annotations

import errno
import gzip
import hashlib
import http.server
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision.datasets

from ssgan.callbacks import LastCheckpoint
from ssgan.data import MNIST
from ssgan.errors import ConfigError, DataError, SSGANError
from ssgan.failures import told_in_one_line
from ssgan.status import RunStatus, read_status
from ssgan.tricks import FeatureMatching
from tests.fake_data import write_arrays, write_mnist
from tests.runs import REPOSITORY, TINY, assert_equal, command, compose_run, last_checkpoint, metric_rows, train

SHORT = (*TINY, "logger=csv", "trainer.log_every=2", "trainer.checkpoint_every=2", "trainer.max_iterations=6")


def full_after(writes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the disk be full from a checkpoint on: half of it is written, then the system's error comes."""
    calls = iter(range(1, 1000))
    write_bytes = Path.write_bytes

    def write(self: Path, content: bytes) -> int:
        if self.suffix == ".ckpt" and next(calls) > writes:
            write_bytes(self, bytes(content)[: len(content) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write_bytes(self, content)

    monkeypatch.setattr(Path, "write_bytes", write)


# --- disks -----------------------------------------------------------------------------------------------------------


def test_a_full_disk_is_one_line_and_spares_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd
):
    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as patch:
        full_after(2, patch)
        assert command(*SHORT, "hydra.run.dir=run") == 1
    line = capfd.readouterr().err
    assert line.startswith("error: ") and line.count("\n") == 1
    assert "last.ckpt could not be written (No space left on device)" in line and "ckpt_path=last" in line
    assert last_checkpoint(tmp_path / "run")["global_step"] == 4
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["last.ckpt"], "half a file is left"
    status = read_status(tmp_path / "run")
    assert status is not None and status.state == "failed" and "No space left" in str(status.error)
    assert command(*SHORT, "hydra.run.dir=run", "ckpt_path=last") == 0
    assert command(*SHORT, "hydra.run.dir=whole") == 0
    assert_equal(last_checkpoint(tmp_path / "run")["state_dict"], last_checkpoint(tmp_path / "whole")["state_dict"])
    assert metric_rows(tmp_path / "run") == metric_rows(tmp_path / "whole")


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
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    lost = r"another process of this run was lost .*ckpt_path=last goes on"
    with pytest.raises(SSGANError, match=lost) as error, told_in_one_line(config):
        raise RuntimeError("[pair.cc:561] Connection closed by peer [127.0.0.1]:49815. This is typically\nmore")
    assert "\n" not in str(error.value)


def test_other_errors_are_not_taken_for_these(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def objective(self: object, step: object) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(FeatureMatching, "generator_objective", objective)
    with pytest.raises(RuntimeError, match="mat1"):
        train(tmp_path, *SHORT)


# --- data ------------------------------------------------------------------------------------------------------------

ARRAYS = (*SHORT, "data=arrays", "model=mlp_small", "optim=digits", "data.num_labels=20")


@pytest.mark.parametrize("changed", ["x_train", "y_train", "x_test", "y_test", "x_unlabelled"])
def test_a_run_does_not_go_on_with_other_data(changed: str, tmp_path: Path):
    path = tmp_path / "mine.npz"
    arrays = write_arrays(path)
    train(tmp_path / "run", *ARRAYS, f"data.path={path}", "trainer.max_iterations=2")
    other = arrays["x_train"] if changed == "x_unlabelled" else arrays[changed].copy()
    if changed != "x_unlabelled":
        other[0] = (other[0] + 1) % 10
    write_arrays(path, **{changed: other})
    resume = f"ckpt_path={tmp_path / 'run' / 'checkpoints' / 'last.ckpt'}"
    with pytest.raises(DataError, match=r"cannot resume .*other images or labels now") as error:
        train(tmp_path / "run", *ARRAYS, f"data.path={path}", resume)
    assert "\n" not in str(error.value)
    write_arrays(path)
    assert train(tmp_path / "run", *ARRAYS, f"data.path={path}", resume)["iterations"] == 6


IMAGES, LABELS = np.zeros((200, 16, 16, 3), np.uint8), np.arange(200) % 10
WRONG_ARRAYS = {
    "values that are not numbers": ({"x_train": np.full(IMAGES.shape, np.nan, np.float32)}, "x_train must be uint8"),
    "labels that are not numbers": ({"y_train": np.full(200, np.nan)}, "y_train must hold integers"),
    "a class without images": ({"y_train": LABELS % 9, "classes": np.array(list("abcdefghij"))}, "labels 0 to 9"),
    "no images": ({"x_train": IMAGES[:0], "y_train": LABELS[:0]}, "at least 2 classes"),
    "one label too few": ({"y_train": LABELS[:-1]}, "one label for each of the 200 images"),
    "images and labels swapped": ({"x_train": LABELS}, "x_train must be uint8"),
    "test images of another size": ({"x_test": IMAGES[:100, :8, :8]}, "x_test has images of shape"),
    "a label that no class has": ({"y_test": np.full(100, 10)}, "labels from 0 to 9"),
}


@pytest.mark.parametrize("name", WRONG_ARRAYS)
def test_data_that_cannot_be_right_is_one_line(name: str, tmp_path: Path):
    changes, message = WRONG_ARRAYS[name]
    write_arrays(tmp_path / "mine.npz", **changes)
    with pytest.raises(DataError, match=message) as error:
        train(tmp_path / "run", *ARRAYS, f"data.path={tmp_path / 'mine.npz'}")
    assert "\n" not in str(error.value) and str(tmp_path / "mine.npz") in str(error.value)


@pytest.mark.parametrize(
    ("option", "message"),
    [("data.num_labels=5", "multiple of the 10 classes"), ("data.num_labels=1000", "needs 100 training images"),
     ("data.num_val=400", "training images of each class")],
)  # fmt: skip
def test_labels_that_are_not_there(option: str, message: str, tmp_path: Path):
    write_arrays(tmp_path / "mine.npz")
    with pytest.raises(ConfigError, match=message):
        train(tmp_path / "run", *ARRAYS, f"data.path={tmp_path / 'mine.npz'}", option)


# --- downloads -------------------------------------------------------------------------------------------------------


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bytes]]:
    """A server of MNIST's files; what it serves can be replaced."""
    write_mnist(tmp_path / "served")
    files = {f"{path.name}.gz": gzip.compress(path.read_bytes()) for path in (tmp_path / "served").rglob("*-ubyte")}
    served = dict(files)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.lstrip("/")
            self.send_response(200)
            self.send_header("Content-Length", str(len(files[name])))
            self.end_headers()
            self.wfile.write(served[name])

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
    sums = [(name, hashlib.md5(content).hexdigest()) for name, content in files.items()]
    monkeypatch.setattr(torchvision.datasets.MNIST, "resources", sums)
    yield served
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("fault", ["interrupted", "another file"])
def test_a_download_that_is_not_whole_is_not_taken_and_the_next_one_is(fault: str, mirror: dict, tmp_path: Path):
    name = sorted(mirror)[2]
    good = mirror[name]
    mirror[name] = (good[: len(good) // 2] if fault == "interrupted" else good[:-4] + b"....",)
    mirror[name] = mirror[name] if isinstance(mirror[name], bytes) else mirror[name][0]
    root = tmp_path / "root"
    with pytest.raises(DataError, match="could be neither read nor downloaded") as error:
        MNIST(root=str(root)).load()
    assert "\n" not in str(error.value)
    mirror[name] = good
    assert len(MNIST(root=str(root)).load().x_train) == 200


# --- signals ---------------------------------------------------------------------------------------------------------


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
    assert status is not None and status.state == "interrupted"
    assert command(*SHORT, "hydra.run.dir=run", "ckpt_path=last") == 0
    assert command(*SHORT, "hydra.run.dir=whole") == 0
    assert_equal(last_checkpoint(tmp_path / "run")["state_dict"], last_checkpoint(tmp_path / "whole")["state_dict"])
    assert metric_rows(tmp_path / "run") == metric_rows(tmp_path / "whole")


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


# --- campaigns in processes of their own -----------------------------------------------------------------------------


def campaign(*argv: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1", "HYDRA_FULL_ERROR": ""}
    result = subprocess.run([sys.executable, "-m", *argv], capture_output=True, text=True, env=environment, timeout=500)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_a_run_that_is_killed_again_and_again_ends_as_an_uninterrupted_one():
    names = ["no technique", "all techniques, augmented, 2 G steps", "two processes"]
    printed = campaign("tests.torture.kills", "--kills", "4", "--seed", "3", "--only", *names)
    assert printed.count("equal") == len(names)


def test_wrong_command_lines_are_refused_in_one_line_without_torch():
    assert '"wrong": 0, "imported": []' in campaign("tests.torture.bad_input", "--cases", "70")


def test_damaged_files_are_read_or_refused_in_one_line():
    assert '"wrong": 0' in campaign("tests.torture.bad_files", "--cases", "60")
