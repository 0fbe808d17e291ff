"""The command that builds the W&B workspace and reports: what it writes down, and one line for what is wrong."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from ssgan.dashboard import default_entity, main
from ssgan.errors import ConfigError

pytest.importorskip("wandb_workspaces", reason="wandb-workspaces is not installed")
pytestmark = [pytest.mark.filterwarnings("ignore:Pydantic V1 style"), pytest.mark.usefixtures("no_server")]


def call(monkeypatch: pytest.MonkeyPatch, *argv: str) -> int:
    monkeypatch.setattr(sys, "argv", ["dashboard", *argv])
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        ((), "ssgan: techniques"),
        (("--report",), "Ablation"),
        (("--report", "multirun/2026-01-02/03-04-05"), "Ablation of 2026-01-02/03-04-05"),
    ],
)
def test_what_wandb_would_get_is_written_down(
    argv: tuple[str, ...],
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "spec.json"
    assert call(monkeypatch, *argv, "--project", "mine", "--dry-run", str(path)) == 0
    json.loads(path.read_text())
    assert f'"{name}"' in path.read_text().replace("\\", "")
    assert capsys.readouterr().out == f"written: {path}\n"


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
