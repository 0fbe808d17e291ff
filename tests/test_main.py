"""``python -m ssgan`` names the commands."""

from __future__ import annotations

import runpy
import tomllib

import pytest

from tests.runs import REPOSITORY


def test_all_commands_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_module("ssgan", run_name="__main__")
    listed = {line.split()[2] for line in capsys.readouterr().out.splitlines() if line.startswith("python -m")}
    scripts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["scripts"]
    assert listed == {target.split(":")[0] for target in scripts.values()}
