"""Short campaigns of the tools in this folder, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.runs import REPOSITORY


def campaign(*argv: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1", "HYDRA_FULL_ERROR": ""}
    result = subprocess.run([sys.executable, "-m", *argv], capture_output=True, text=True, env=environment, timeout=500)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_a_run_that_is_killed_again_and_again_ends_as_an_uninterrupted_one():
    names = ["no technique", "all techniques, augmented, 2 G steps", "two processes"]
    printed = campaign("tests.torture.kills", "--kills", "2", "--seed", "3", "--only", *names)
    assert printed.count("equal") == len(names)


def test_wrong_command_lines_are_refused_in_one_line_without_torch():
    assert '"wrong": 0, "imported": []' in campaign("tests.torture.bad_input", "--cases", "40")


def test_damaged_files_are_read_or_refused_in_one_line():
    assert '"wrong": 0' in campaign("tests.torture.bad_files", "--cases", "60")
