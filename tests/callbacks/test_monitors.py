"""Callbacks that wait for the error on held-out labels need some."""

from __future__ import annotations

from pathlib import Path

import pytest
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint

from ssgan.callbacks import BestCheckpoint
from ssgan.callbacks.monitors import check_monitors
from ssgan.errors import ConfigError
from tests.runs import SHORT, TINY, command, metric_rows, train


@pytest.mark.parametrize("callback", [EarlyStopping("val/error"), ModelCheckpoint(monitor="val/error")])
def test_without_held_out_labels_it_is_refused(callback, capfd: pytest.CaptureFixture[str]):
    with pytest.raises(ConfigError, match=r"watches val/error.*data\.num_val=N"):
        check_monitors([callback], num_val=0)
    check_monitors([callback], num_val=10)


def test_who_watches_something_else_or_nothing_is_let_through():
    check_monitors([EarlyStopping("train/d_loss"), ModelCheckpoint(), BestCheckpoint("checkpoints")], num_val=0)


def test_in_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    monkeypatch.chdir(tmp_path)
    early = "+callbacks.early={_target_: lightning.pytorch.callbacks.EarlyStopping, monitor: val/error}"
    assert command(*SHORT, early) == 2
    line = capfd.readouterr().err
    assert line.count("\n") == 1 and "data.num_val=N" in line
    assert command(*SHORT, early, "data.num_val=50", "hydra.run.dir=with") == 0


class Seen(Callback):
    """The metrics that callbacks see after each iteration."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        self.rows.append({name: float(value) for name, value in trainer.callback_metrics.items()})


def test_every_column_of_the_log_can_be_watched(tmp_path: Path) -> None:
    seen = Seen()
    train(tmp_path, *TINY, "logger=csv", "trainer.log_every=2", "trainer.max_iterations=4", callbacks=[seen])
    rows = [row for row in metric_rows(tmp_path) if "train/d_loss" in row]
    watched = {"train/d_labelled", "train/d_unlabelled", "train/g_feature_matching", "train/lr", "train/g_loss"}
    assert watched <= rows[-1].keys() and seen.rows
    assert {name: seen.rows[-1][name] for name in watched} == pytest.approx({n: rows[-1][n] for n in watched}, rel=1e-6)


def test_a_callback_that_lightning_refuses_only_in_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    average = "{_target_: lightning.pytorch.callbacks.StochasticWeightAveraging, swa_lrs: 0.01}"
    assert command(*SHORT, f"+callbacks.swa={average}") == 2
    line = capfd.readouterr().err
    assert line.startswith("error: callbacks or trainer: ") and line.count("\n") == 1
