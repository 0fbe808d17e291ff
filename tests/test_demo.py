"""The demonstration."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ssgan import demo
from ssgan.run_folder.status import read_status
from tests.runs import REPOSITORY, TINY_MLP, last_checkpoint


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


def test_ctrl_c_leaves_the_run_the_time_to_write_its_checkpoint(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ssgan.demo", "trainer=cpu", "callbacks=checkpoints", "trainer.log_every=1"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env={"PYTHONPATH": str(REPOSITORY)}, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job ignores it
    )  # fmt: skip
    try:
        end = time.monotonic() + 120
        while not (begun := [s for f in tmp_path.glob("outputs/demo/*/*") if (s := read_status(f)) and s.iteration]):
            assert process.poll() is None and time.monotonic() < end, begun
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to both processes
        out, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130 and error.splitlines()[-1] == "interrupted" and "Traceback" not in error, error
    (run_dir,) = tmp_path.glob("outputs/demo/*/semi_supervised")
    status = read_status(run_dir)
    assert status is not None and status.state == "interrupted"
    assert f"SIGINT: stopped after iteration {last_checkpoint(run_dir)['global_step']}" in out


def test_help_is_the_demo_s_and_flags_are_refused(monkeypatch: pytest.MonkeyPatch, capsys, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for flag, status in (("--help", 0), ("--cfg=job", 2)):
        monkeypatch.setattr(sys, "argv", ["demo", flag])
        with pytest.raises(SystemExit) as end:
            demo.main()
        assert end.value.code == status
    printed = capsys.readouterr()
    assert "python -m ssgan.demo" in printed.out and printed.err.startswith("error: unrecognized arguments: --cfg=job")
    assert list(tmp_path.iterdir()) == []
