"""Which process of a run this is, as launchers say it."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from ssgan.machine.processes import _RANKS, _SIZES, end_processes, first_of_machine, first_process, one_of_several

TORCHRUN = {"RANK": "5", "LOCAL_RANK": "1", "WORLD_SIZE": "8"}
SLURM = {"SLURM_PROCID": "4", "SLURM_LOCALID": "0", "SLURM_NTASKS": "8"}

OPEN_MPI = {"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_LOCAL_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2"}


@pytest.mark.parametrize(
    ("environment", "first", "of_machine", "several"),
    [
        ({}, True, True, False),
        (TORCHRUN, False, False, True),
        (TORCHRUN | {"RANK": "4", "LOCAL_RANK": "0"}, False, True, True),  # on the second machine
        (TORCHRUN | {"RANK": "0", "LOCAL_RANK": "0"}, True, True, True),
        (SLURM, False, True, True),
        (SLURM | {"SLURM_LOCALID": "1"}, False, True, True),  # it may be a run of its own
        ({"SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NTASKS": "1"}, True, True, False),
        (OPEN_MPI, False, True, True),
        ({"LOCAL_RANK": "1", "WORLD_SIZE": "2"}, False, False, True),  # Lightning's
    ],
)  # fmt: skip
def test_who_it_is(
    environment: dict[str, str], first: bool, of_machine: bool, several: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (*_RANKS, *_SIZES, "NODE_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert (first_process(), first_of_machine(), one_of_several()) == (first, of_machine, several)


def test_processes_end_by_themselves_or_hear_of_it_or_are_killed() -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"
    codes = ("print(flush=True); raise SystemExit(3)", "print(flush=True); import time; time.sleep(600)", deaf)
    started = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for code in codes]
    for process in started:
        assert process.stdout is not None and process.stdout.readline(), "it is there"
    watched, begin = list(started), time.monotonic()
    end_processes(watched, patience=2.0, after_sigterm=2.0)
    assert [process.returncode for process in started] == [3, -15, -9]
    assert watched == [] and time.monotonic() - begin < 60
