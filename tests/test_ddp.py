"""Two processes on the CPU, started as a user starts them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tests.runs import REPOSITORY, TINY_MLP, TRICKS, chosen, metric_rows

DUMP = """\
import torch
from lightning.pytorch import Callback


class Dump(Callback):
    def on_train_end(self, trainer, pl_module):
        state = {"state_dict": pl_module.state_dict(), "rng": pl_module.random.state(), "step": trainer.global_step}
        torch.save(state, f"rank{trainer.global_rank}.pt")
"""

STOP = """\
import os, signal, time
from pathlib import Path
from lightning.pytorch import Callback
from lightning.pytorch.loggers import Logger


def stop(trainer):
    Path(f"{trainer.global_rank}.tmp").write_text(str(os.getpid()))
    Path(f"{trainer.global_rank}.tmp").rename(f"{trainer.global_rank}.pid")
    if trainer.global_rank == 0:
        while not Path("1.pid").exists():
            time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(600)


class AtTheStart(Callback):
    def setup(self, trainer, pl_module, stage):
        stop(trainer)


class FailsAlone(Callback):
    def on_train_batch_end(self, trainer, *_):
        Path(f"{trainer.global_rank}.pid").write_text(str(os.getpid()))
        if trainer.global_rank:
            time.sleep(600)
        while not Path("1.pid").exists():
            time.sleep(0.1)
        raise OSError("the disk of the first process")


class SlowToClose(Logger):
    name = version = "slow"

    def log_metrics(self, metrics, step=None):
        pass

    def log_hyperparams(self, params, *_, **__):
        pass

    def finish_after(self, ended_by):
        time.sleep(7)  # Lightning looks for processes that have failed every five seconds, and kills the others
        Path("closed").touch()


class InTheFinalTest(Callback):
    def on_test_batch_start(self, trainer, *_):
        stop(trainer)
"""


def start(folder: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    """Two processes of ``ssgan.train``, as a user's shell starts the first."""
    path = os.pathsep.join([str(REPOSITORY), str(folder)])
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_XDIST", "OMP_NUM_THREADS"))}
    environment |= {"PYTHONPATH": path}
    two = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", "hydra.run.dir=run")
    return subprocess.run(
        [sys.executable, "-m", "ssgan.train", *two, *overrides],
        capture_output=True, text=True, cwd=folder, env=environment, timeout=300,
    )  # fmt: skip


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of all techniques by two processes; each leaves its state."""
    folder = tmp_path_factory.mktemp("ddp")
    (folder / "dump.py").write_text(DUMP)
    result = start(
        folder, "data.batch_size=20", "data.num_val=10", "trainer.max_iterations=4", "trainer.eval_every=2",
        "trainer.log_every=2", "objective.g_steps=2", *TINY_MLP, *chosen(*TRICKS), "callbacks=[checkpoints,samples]",
        "+callbacks.dump._target_=dump.Dump", "logger=csv", "trainer.threads=2",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]
    return folder


def test_both_processes_end_with_the_same_networks(run_dir: Path):
    one, two = (torch.load(run_dir / f"rank{rank}.pt", weights_only=True) for rank in (0, 1))
    assert one["step"] == two["step"] == 4
    trained = [k for k in one["state_dict"] if not k.startswith(("penalties", "accuracy"))]
    different = [k for k in trained if not torch.equal(one["state_dict"][k], two["state_dict"][k])]
    assert different == []
    penalties = [k for k in one["state_dict"] if k.startswith("penalties")]
    assert penalties and all(torch.equal(one["state_dict"][k], two["state_dict"][k]) for k in penalties)


def test_all_processes_draw_the_same_noise_and_take_their_share_of_it(run_dir: Path):
    one, two = (torch.load(run_dir / f"rank{rank}.pt", weights_only=True)["rng"] for rank in (0, 1))
    assert torch.equal(one, two)


def test_the_run_ends_with_one_result_one_log_and_one_checkpoint(run_dir: Path):
    result = json.loads((run_dir / "run" / "result.json").read_text())
    assert result["processes"] == 2 and result["iterations"] == 4 and result["test_size"] == 500
    assert result["test_error"] == pytest.approx(result["test_errors"] / 500)
    assert result["hardware"].endswith("2 threads"), "of each process, as asked for, and not its share of the cores"
    rows = metric_rows(run_dir / "run")
    assert [row["step"] for row in rows if "train/d_loss" in row] == [2, 4]
    saved = torch.load(run_dir / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    assert torch.equal(saved["ssgan"]["rng_state"], torch.load(run_dir / "rank1.pt", weights_only=True)["rng"])
    assert len(list((run_dir / "run" / "samples").iterdir())) == 2
    assert not (run_dir / "outputs").exists(), "the second process must not make a run folder of its own"


def test_the_error_of_the_whole_test_set_is_counted(run_dir: Path):
    """The processes' shares together: the checkpoint, evaluated by one process, makes the same errors."""
    from ssgan.build import build_model
    from ssgan.config import parse
    from tests.runs import composed

    overrides = [*TINY_MLP, *chosen(*TRICKS), "data.batch_size=20", "data.num_val=10"]
    config = parse(composed(run_dir / "run", *overrides), str(run_dir / "run"), overrides)
    images = config.data.load()
    model = build_model(config, images.shape, images.classes, 30)
    saved = torch.load(run_dir / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    model.load_state_dict({k: v for k, v in saved["state_dict"].items() if k in model.state_dict()}, strict=False)
    with torch.no_grad():
        errors = (model.classify(images.x_test).argmax(1) != images.y_test).sum().item()
    assert errors == json.loads((run_dir / "run" / "result.json").read_text())["test_errors"]


@pytest.mark.parametrize("moment", ["AtTheStart", "InTheFinalTest"])
def test_a_signal_before_or_after_the_training_ends_both(moment: str, tmp_path: Path):
    (tmp_path / "stop.py").write_text(STOP)
    short = ("data.batch_size=20", "trainer.max_iterations=2", *TINY_MLP, "logger=none", "callbacks=checkpoints")
    result = start(tmp_path, *short, f"+callbacks.stop._target_=stop.{moment}")
    assert result.returncode == 143, result.stderr[-3000:]
    told = (
        "stopped in the final test; the same options with hydra.run.dir=" in result.stdout
        and "ckpt_path=last go on" in result.stdout
    )
    assert told is (moment == "InTheFinalTest"), result.stdout
    assert_gone(int((tmp_path / "1.pid").read_text()))
    assert json.loads((tmp_path / "run" / "status.json").read_text())["state"] == "interrupted"


def assert_gone(process: int) -> None:
    """Wait until a process has ended."""
    deadline = time.monotonic() + 60
    while Path(f"/proc/{process}").exists() and "zombie" not in Path(f"/proc/{process}/status").read_text():
        assert time.monotonic() < deadline, "the second process lives on"
        time.sleep(0.1)


def test_what_ends_the_first_process_alone_ends_the_other_and_the_loggers_are_closed(tmp_path: Path):
    (tmp_path / "stop.py").write_text(STOP)
    short = ("data.batch_size=20", "trainer.max_iterations=2", *TINY_MLP, "callbacks=checkpoints", "logger=none")
    further = ("+callbacks.stop._target_=stop.FailsAlone", "+logger.slow._target_=stop.SlowToClose")
    result = start(tmp_path, *short, *further)
    assert result.returncode == 1 and "the disk of the first process" in result.stderr, result.stderr[-3000:]
    assert (tmp_path / "closed").exists()
    assert_gone(int((tmp_path / "1.pid").read_text()))
    assert json.loads((tmp_path / "run" / "status.json").read_text())["state"] == "failed"
