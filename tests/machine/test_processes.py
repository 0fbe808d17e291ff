"""Which process of a run this is, as launchers say it."""

from __future__ import annotations

import pytest

from ssgan.machine.processes import _RANKS, _SIZES, first_of_machine, first_process, one_of_several

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
