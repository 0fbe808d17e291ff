"""Callbacks that wait for the error on held-out labels need some."""

from __future__ import annotations

from pathlib import Path

import pytest
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint

from ssgan.callbacks import BestCheckpoint
from ssgan.callbacks.monitors import check_monitors
from ssgan.errors import ConfigError
from tests.runs import SHORT, command


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


def test_a_callback_that_lightning_refuses_only_in_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    average = "{_target_: lightning.pytorch.callbacks.StochasticWeightAveraging, swa_lrs: 0.01}"
    assert command(*SHORT, f"+callbacks.swa={average}") == 2
    line = capfd.readouterr().err
    assert line.startswith("error: callbacks or trainer: ") and line.count("\n") == 1
