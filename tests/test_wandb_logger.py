"""Weights & Biases without an account: offline runs are whole, closed, and readable."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
import wandb

from ssgan.errors import ConfigError, TrainingDiverged
from ssgan.wandb_logger import RunWandbLogger
from tests.runs import TINY_MLP, train

OFFLINE = ("debug=fast", "trainer=cpu", "callbacks=samples", "logger=wandb", "wandb.mode=offline", *TINY_MLP)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a login of this machine's user nor a try to report home."""
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.delenv("WANDB_MODE", raising=False)


def records(run_dir: Path) -> list[Any]:
    """What wandb wrote into the run's file: seven bytes of its own, then a log in the format of LevelDB.

    That is blocks of 32 KiB with chunks of a header (checksum, length, kind) and data; a chunk is a whole record (kind
    1), or the first, a middle or the last part of one (2, 3, 4).
    """
    from wandb.proto.wandb_internal_pb2 import Record

    (file,) = run_dir.glob("wandb/offline-run-*/run-*.wandb")
    data = file.read_bytes()
    found, part, at = [], b"", 7
    while at + 7 <= len(data):
        left = 32768 - at % 32768
        if left < 7:
            at += left  # no room for a header: the rest of the block is empty
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        part += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):
            found.append(Record.FromString(part))
            part = b""
    return found


def test_an_offline_run_holds_metrics_by_iteration_config_tags_and_samples(tmp_path: Path) -> None:
    result = train(tmp_path / "run", *OFFLINE, "trick=[label_smoothing,feature_matching]")
    assert wandb.run is None
    found = records(tmp_path / "run")
    rows = [
        {"/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in record.history.item}
        for record in found
        if record.WhichOneof("record_type") == "history"
    ]
    losses = {row["trainer/global_step"]: row["train/d_loss"] for row in rows if "train/d_loss" in row}
    assert list(losses) == [5, 10, 15, 20]
    errors = [row["test/error"] for row in rows if "test/error" in row]
    assert errors[-1] == pytest.approx(result["test_error"])
    assert any("samples" in key for row in rows for key in row)
    (run,) = {record.run.run_id: record.run for record in found if record.WhichOneof("record_type") == "run"}.values()
    assert set(run.tags) == {"label_smoothing", "feature_matching"}
    assert any(record.WhichOneof("record_type") == "exit" and record.exit.exit_code == 0 for record in found)


def test_a_failed_job_closes_its_run_as_failed(tmp_path: Path) -> None:
    with pytest.raises(TrainingDiverged):
        train(tmp_path / "run", *OFFLINE, "optim.lr=1e30")
    assert wandb.run is None
    assert [r.exit.exit_code for r in records(tmp_path / "run") if r.WhichOneof("record_type") == "exit"] == [1]


def test_online_without_a_login_is_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wandb, "login", lambda prompt: False)
    with pytest.raises(ConfigError, match=r"wandb login.*wandb\.mode=offline"):
        RunWandbLogger(str(tmp_path), mode="online", project="ssgan")
    assert wandb.run is None


def test_an_unknown_mode_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"wandb\.mode=maybe: must be one of online, offline, disabled"):
        RunWandbLogger(str(tmp_path), mode="maybe")
