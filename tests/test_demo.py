"""The demonstration."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.runs import REPOSITORY, TINY_MLP


def test_the_demo_trains_both_and_prints_errors_folder_and_samples(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ssgan.demo", "debug=fast", "trainer=cpu", "callbacks=samples", *TINY_MLP]
    done = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(REPOSITORY)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "outputs" / "demo").iterdir()
    for run, name in (("semi_supervised", "semi-supervised GAN"), ("supervised", "labels alone")):
        result = json.loads((folder / run / "result.json").read_text())
        (line,) = (line for line in done.stdout.splitlines() if line.strip().startswith(name))
        assert f"{result['test_errors']} of 500" in line
    assert str(folder) in done.stdout
    assert str(folder / "semi_supervised" / "samples" / "0000020.png") in done.stdout


def test_a_wrong_option_ends_the_demo_with_the_line_and_status_of_the_run(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ssgan.demo", "trick=nonsense"]
    done = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(REPOSITORY)}, capture_output=True, text=True)
    assert done.returncode != 0
    assert done.stderr.startswith("error: unknown trick 'nonsense'") and done.stderr.count("\n") == 1
