"""Which process of a run this is, by what launchers say in the environment: torchrun, Lightning, SLURM, MPI, LSF."""

from __future__ import annotations

import os

#: The process's number in the whole run.
_RANKS = ("RANK", "LOCAL_RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "JSM_NAMESPACE_RANK")

#: The number of processes.
_SIZES = ("WORLD_SIZE", "SLURM_NTASKS", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "JSM_NAMESPACE_SIZE")


def first_process() -> bool:
    """Whether this is the first process of a run, or its only one."""
    return _said(_RANKS, "0") == os.environ.get("NODE_RANK", "0") == "0"


def first_of_machine() -> bool:
    """Whether this is the first process of a run on this machine, or its only one.

    By torchrun and Lightning alone: the tasks of SLURM and MPI may be runs of their own, each with other options.
    """
    return os.environ.get("LOCAL_RANK", "0") == "0"


def one_of_several() -> bool:
    """Whether a launcher has started several processes of this run."""
    return _said(_SIZES, "1") != "1"


def _said(names: tuple[str, ...], otherwise: str) -> str:
    return next((os.environ[name] for name in names if name in os.environ), otherwise)
