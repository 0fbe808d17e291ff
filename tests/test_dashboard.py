"""The W&B workspace and report, built without a server."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ssgan.dashboard import command, default_entity
from ssgan.errors import ConfigError
from tests.runs import TINY_MLP, train
from tests.wandb_records import of_kind, values

pytest.importorskip("wandb_workspaces", reason="wandb-workspaces is not installed")
pytestmark = pytest.mark.filterwarnings("ignore:Pydantic V1 style")


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """No login of this machine's user, and no try to reach a server."""
    import socket

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("something asks the network")

    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def call(monkeypatch: pytest.MonkeyPatch, *argv: str) -> int:
    monkeypatch.setattr(sys, "argv", ["dashboard", *argv])
    try:
        command()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def strings(node: Any) -> set[str]:
    """Every string in nested JSON, those of JSON inside strings too."""
    if isinstance(node, dict):
        return {text for key, value in node.items() for text in {key} | strings(value)}
    if isinstance(node, list):
        return {text for value in node for text in strings(value)}
    if isinstance(node, str):
        return strings(json.loads(node)) | {node} if node.startswith("{") else {node}
    return set()


def test_the_workspace_draws_what_a_run_logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_SILENT", "true")
    options = ("debug=fast", "trainer=cpu", "logger=wandb", "wandb.mode=offline", *TINY_MLP, "data.num_val=50")
    callbacks = ("callbacks=[samples,throughput]", "callbacks.throughput.every=5", "callbacks.samples.every=10")
    with monkeypatch.context() as local:
        local.undo()  # wandb speaks to its own process over a socket
        local.setenv("WANDB_SILENT", "true")
        train(tmp_path / "run", *options, *callbacks)
    logged = {key for record in of_kind(tmp_path / "run", "history") for key in values(record.item)}
    logged = {key.split("/_type")[0] for key in logged} | {key.split("/")[0] for key in logged}

    assert call(monkeypatch, "--dry-run", str(tmp_path / "spec.json")) == 0
    drawn = strings(json.loads((tmp_path / "spec.json").read_text()))
    metrics = {text for text in drawn if text.split("/")[0] in ("train", "test", "val", "trainer")}
    assert metrics == {
        "trainer/global_step",
        "test/error",
        "val/error",
        "train/d_loss",
        "train/g_loss",
        "train/d_labelled",
        "train/d_unlabelled",
        "train/lr",
        "train/iterations_per_second",
    }
    assert metrics <= logged
    assert "samples" in drawn and "samples" in logged
    config = values(of_kind(tmp_path / "run", "config")[0].update)
    assert any("techniques" in text for text in drawn) and "techniques" in config


@pytest.mark.parametrize("sweep", ["2026-01-02/03-04-05", "multirun/2026-01-02/03-04-05", "/x/2026-01-02/03-04-05/"])
def test_a_report_is_of_the_finished_runs_of_the_sweep_s_group(
    sweep: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call(monkeypatch, "--report", sweep, "--dry-run", str(tmp_path / "r.json")) == 0
    drawn = strings(json.loads((tmp_path / "r.json").read_text()))
    assert {"2026-01-02/03-04-05", "finished", "test/error", "samples"} <= drawn


@pytest.mark.parametrize(
    ("environment", "own", "expected"), [("a-team", "me", "a-team"), (None, "me", "me"), (None, None, None)]
)
def test_the_entity_is_the_one_that_runs_go_to(
    environment: str | None, own: str | None, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    import wandb

    monkeypatch.setattr(wandb, "login", lambda **_: True)
    monkeypatch.setattr(wandb, "Api", lambda: SimpleNamespace(default_entity=own))
    monkeypatch.delenv("WANDB_ENTITY", raising=False)
    if environment:
        monkeypatch.setenv("WANDB_ENTITY", environment)
    if expected:
        assert default_entity() == expected
    else:
        with pytest.raises(ConfigError, match="--entity"):
            default_entity()


def test_without_a_login_one_line_tells(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import wandb

    monkeypatch.setattr(wandb, "login", lambda **_: False)
    assert call(monkeypatch) != 0
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "wandb login" in line and "--dry-run" in line


def test_a_wrong_key_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "abc")
    monkeypatch.setenv("WANDB_SILENT", "true")
    assert call(monkeypatch) == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("error: W&B: ") and "API key" in line


def test_without_the_extra_one_line_tells(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "wandb_workspaces", None)
    assert call(monkeypatch) != 0
    assert "pip install 'ssgan[dashboard]'" in capsys.readouterr().err
