"""Weights & Biases without an account: offline runs are whole, closed, and readable."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pytest
import torch
import wandb
from PIL import Image

from ssgan.errors import ConfigError, TrainingDiverged
from ssgan.loggers.wandb_logger import INIT_TIMEOUT, RunWandbLogger, _settings
from tests.runs import TINY_MLP, command, train
from tests.wandb_records import of_kind, values

OFFLINE = ("debug=fast", "trainer=cpu", "callbacks=samples", "logger=wandb", "wandb.mode=offline", *TINY_MLP)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a login of this machine's user nor a try to report home."""
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.delenv("WANDB_MODE", raising=False)


def test_an_offline_run_holds_metrics_by_iteration_config_tags_and_samples(tmp_path: Path) -> None:
    result = train(tmp_path / "run", *OFFLINE, "trick=[label_smoothing,feature_matching]")
    assert wandb.run is None
    rows = [values(record.item) for record in of_kind(tmp_path / "run", "history")]
    losses = {row["trainer/global_step"]: row["train/d_loss"] for row in rows if "train/d_loss" in row}
    assert list(losses) == [5, 10, 15, 20]
    errors = [row["test/error"] for row in rows if "test/error" in row]
    assert errors[-1] == pytest.approx(result["test_error"])
    assert any("samples" in key for row in rows for key in row)
    drawn, shown = (
        [np.asarray(Image.open(path).convert("RGB")) for path in sorted((tmp_path / "run").glob(pattern))]
        for pattern in ("samples/*.png", "wandb/offline-run-*/files/media/images/samples_*.png")
    )
    assert {picture.tobytes() for picture in shown} == {picture.tobytes() for picture in drawn}
    assert max(picture.max() for picture in shown) > 200
    assert set(of_kind(tmp_path / "run", "run")[0].tags) == {"label_smoothing", "feature_matching"}
    config = values(of_kind(tmp_path / "run", "config")[0].update)
    assert config["trick"]["label_smoothing"]["alpha"] == 0.9
    assert config["techniques"] == "feature_matching+label_smoothing"
    assert summary(tmp_path / "run")["test/error"] == pytest.approx(result["test_error"])
    assert [end.exit_code for end in of_kind(tmp_path / "run", "exit")] == [0]


@pytest.mark.parametrize("none", ["trick=[]", "trick=none"])
def test_a_run_without_techniques(none: str, tmp_path: Path) -> None:
    train(tmp_path / "run", *OFFLINE, "callbacks=none", none, "trainer.max_iterations=2")
    assert list(of_kind(tmp_path / "run", "run")[0].tags) == []
    assert values(of_kind(tmp_path / "run", "config")[0].update)["techniques"] == "none"


def test_the_labels_alone_are_a_group_of_their_own(tmp_path: Path) -> None:
    train(tmp_path / "run", *OFFLINE, "callbacks=none", "objective=supervised", "trainer.max_iterations=2")
    config = values(of_kind(tmp_path / "run", "config")[0].update)
    assert config["techniques"] == "labels alone (feature_matching)"


def test_settings_of_wandb_keep_the_bounds_on_waiting() -> None:
    settings = _settings(console="off")
    assert (settings.console, settings.init_timeout) == ("off", INIT_TIMEOUT)
    assert _settings(init_timeout=5).init_timeout == 5


def summary(run_dir: Path) -> dict[str, Any]:
    """What the run shows in a table of runs: the last value of each metric."""
    found: dict[str, Any] = {}
    for record in of_kind(run_dir, "summary"):
        found |= values(record.update)
    return found


def test_jobs_of_a_sweep_are_one_group_of_closed_runs(tmp_path: Path) -> None:
    folder = tmp_path / "2026-01-02" / "03-04-05"
    jobs = ("trick=label_smoothing", "objective=semi_supervised,supervised", "optim.lr=0.001,1e30")
    status = command("-m", *OFFLINE, *jobs, f"hydra.sweep.dir={folder}")
    assert status == 1 and wandb.run is None
    ids = set()
    for job in sorted(path.parent for path in folder.glob("*/status.json")):
        run = of_kind(job, "run")[0]
        ids.add(run.run_id)
        assert (run.run_group, run.display_name) == ("2026-01-02/03-04-05", job.name)
        assert run.job_type == ("supervised" if "-supervised" in job.name else "semi_supervised")
        assert list(run.tags) == ["label_smoothing"]
        assert [end.exit_code for end in of_kind(job, "exit")] == [int("1e+30" in job.name)]
    assert len(ids) == 4


def test_a_resumed_run_goes_on_as_the_same_run(tmp_path: Path) -> None:
    train(tmp_path / "run", *OFFLINE, "callbacks=checkpoints", "trainer.max_iterations=10")
    first = {run.run_id for run in of_kind(tmp_path / "run", "run")}
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    for folder in (tmp_path / "run" / "wandb").glob("offline-run-*"):
        folder.rename(folder.with_name(folder.name.replace("offline", "first-part")))
    train(tmp_path / "run", *OFFLINE, "callbacks=checkpoints", f"ckpt_path={last}", "trainer.max_iterations=20")
    assert {run.run_id for run in of_kind(tmp_path / "run", "run")} == first


def test_a_failed_job_closes_its_run_as_failed(tmp_path: Path) -> None:
    with pytest.raises(TrainingDiverged):
        train(tmp_path / "run", *OFFLINE, "optim.lr=1e30")
    assert wandb.run is None
    assert [end.exit_code for end in of_kind(tmp_path / "run", "exit")] == [1]


@pytest.mark.parametrize(
    ("log_model", "written"),
    [("false", []), ("true", [{"latest", "best"}, {"latest"}]), ("all", [{"latest", "best"}, {"latest"}, {"latest"}])],
)
def test_checkpoints_become_artifacts(log_model: str, written: list[set[str]], tmp_path: Path) -> None:
    class Errors(L.Callback):
        """The second evaluation is worse than the first, so that best.ckpt is written once."""

        def on_validation_epoch_end(self, trainer: L.Trainer, module: Any) -> None:
            error = 0.1 if trainer.global_step == 10 else 0.2
            module.errors.members["val"][0].compute = lambda: torch.tensor(1 - error)

    every = ("trainer.eval_every=10", "trainer.checkpoint_every=15", "trainer.max_iterations=20")
    held_out = ("data.num_val=10", "trainer.test_curve=false", "callbacks=checkpoints")
    train(tmp_path / "run", *OFFLINE, f"wandb.log_model={log_model}", *held_out, *every, callbacks=[Errors()])
    artifacts = of_kind(tmp_path / "run", "artifact")
    assert [set(artifact.aliases) for artifact in artifacts] == written
    for artifact in artifacts:
        assert artifact.type == "model" and [entry.path for entry in artifact.manifest.contents] == ["model.ckpt"]
    if artifacts:
        size = (tmp_path / "run" / "checkpoints" / "last.ckpt").stat().st_size
        assert artifacts[-1].manifest.contents[0].size == size


@pytest.mark.parametrize("signal_sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_job_is_closed_as_one(tmp_path: Path, signal_sent: signal.Signals) -> None:
    class Sent(L.Callback):
        def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
            if trainer.global_step == 3:
                os.kill(os.getpid(), signal_sent)

    with pytest.raises(SystemExit):
        train(tmp_path / "run", *OFFLINE, callbacks=[Sent()])
    assert wandb.run is None
    assert [end.exit_code for end in of_kind(tmp_path / "run", "exit")] == [255]


def test_online_without_a_login_is_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wandb, "login", lambda **_: False)
    with pytest.raises(ConfigError, match=r"wandb login.*wandb\.mode=offline"):
        RunWandbLogger(str(tmp_path), mode="online", project="ssgan")
    assert wandb.run is None


def test_unknown_words_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"wandb\.mode=maybe: must be one of online, offline, disabled"):
        RunWandbLogger(str(tmp_path), mode="maybe")
    with pytest.raises(ConfigError, match=r"wandb\.log_model=best: must be one of False, True, all"):
        RunWandbLogger(str(tmp_path), log_model="best")


def test_a_defect_of_ours_is_not_taken_for_wandbs(tmp_path: Path) -> None:
    logger = RunWandbLogger(str(tmp_path), mode="disabled")
    for gone in (ConnectionResetError("lost"), wandb.Error("lost")):
        with logger._going_on():
            raise gone
    with pytest.raises(TypeError), logger._going_on():
        raise TypeError("ours")
    wandb.finish()


def test_the_run_of_an_agent_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``wandb agent`` names the run of the process that it starts by the environment."""
    wandb.teardown()  # as in a new process, which reads its environment
    monkeypatch.setenv("WANDB_RUN_ID", "xyz11111")
    train(tmp_path / "run", *OFFLINE, "callbacks=checkpoints", "trainer.max_iterations=10")
    wandb.teardown()
    monkeypatch.delenv("WANDB_RUN_ID")
    assert (tmp_path / "run" / "wandb_id.txt").read_text() == "xyz11111\n"
    shutil.rmtree(tmp_path / "run" / "wandb")
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    train(tmp_path / "run", *OFFLINE, "callbacks=checkpoints", f"ckpt_path='{last}'")
    assert {run.run_id for run in of_kind(tmp_path / "run", "run")} == {"xyz11111"}
