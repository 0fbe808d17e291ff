"""Checkpoints on disk: which one to resume, and whether a configuration can.

Imports torch only to read a checkpoint, so that one that is not there is missed at once.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

from hydra.core.hydra_config import HydraConfig

from ssgan.comparing import FREE, differences, fixed
from ssgan.config import TrainConfig
from ssgan.errors import ConfigError, DataError
from ssgan.resolvers import in_sweep
from ssgan.typed_overrides import typed


def last_checkpoint(run_dir: str | Path) -> Path:
    """Where a run's folder has its newest whole state, if ``callbacks`` has checkpoints."""
    return Path(run_dir, "checkpoints", "last.ckpt")


def find_checkpoint(ckpt_path: str | None, run_dir: str) -> str | None:
    """The checkpoint to resume: a file, a run folder's ``last.ckpt``, or for ``last`` that of this run folder.

    A job that SLURM has requeued goes on by itself, from the newest checkpoint in its run folder.

    Raises:
        ConfigError: if there is none.
    """
    if ckpt_path is None:
        return _requeued(Path(run_dir)) if "SLURM_JOB_ID" in os.environ else None
    path = Path(run_dir) if ckpt_path == "last" else Path(ckpt_path).expanduser()
    if path.is_dir():
        path = last_checkpoint(path)
    if not path.is_file():
        hint = "; set hydra.run.dir to the folder of the run to resume" if ckpt_path == "last" else ""
        if ckpt_path == "last" and _begun(Path(run_dir)):
            hint = "; the run there ended before it saved one: leave out ckpt_path to begin it again"
        raise ConfigError(f"ckpt_path={ckpt_path}: there is no checkpoint {path}{hint}")
    return str(path)


def _begun(run_dir: Path) -> bool:
    """Whether a run has begun there and come to no result."""
    return Path(run_dir, "status.json").is_file() and not Path(run_dir, "result.json").is_file()


def _requeued(run_dir: Path) -> str | None:
    """The newest checkpoint of a run folder, where SLURM has started the job again or Lightning has left one for it."""
    left = list(run_dir.glob("hpc_ckpt_*.ckpt"))
    if not left and os.environ.get("SLURM_RESTART_COUNT", "0") == "0":
        return None
    found = [path for path in (*left, last_checkpoint(run_dir)) if path.is_file()]
    return str(max(found, key=lambda path: path.stat().st_mtime_ns)) if found else None


def remove_requeued(run_dir: str) -> None:
    """Remove what Lightning left for a job that SLURM would requeue, once the training has ended.

    It is of before, and Lightning would test it in place of what has been trained.
    """
    for path in Path(run_dir).glob("hpc_ckpt_*.ckpt"):
        path.unlink()


def how_to_go_on(run_dir: str) -> str:
    """What to say to the user of a run that was stopped, after the words that it was."""
    if not last_checkpoint(run_dir).is_file():
        return "; callbacks has no checkpoints, so nothing was saved"
    if in_sweep():
        return ""  # what goes on with a sweep is said at its end
    if not HydraConfig.initialized():
        return "; the same command goes on (from Python, the same options with ckpt_path=last)"
    return f"; the same options with {typed('hydra.run.dir', run_dir)} ckpt_path=last go on"


def read_checkpoint(path: str) -> dict[str, Any]:
    """Read a checkpoint without executing pickled code.

    Raises:
        ConfigError: if the file cannot be read or is not a whole checkpoint of this project.
    """
    import torch

    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except PermissionError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except Exception as error:  # torch raises errors of many kinds for files that are cut off or of another format
        if not isinstance(error, RuntimeError | OSError | EOFError):  # such as where a text is read as pickled code
            what = "what it holds is something else than tensors and plain values"
            raise ConfigError(f"{path} is not a whole checkpoint: {what}") from error
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ConfigError(f"{path} is not a whole checkpoint: {reason}") from error
    if not isinstance(checkpoint, dict) or "ssgan" not in checkpoint:
        raise ConfigError(f"{path} is not a checkpoint of ssgan")
    return checkpoint


class Resumed(NamedTuple):
    """The checkpoint that a run goes on from: its ``path``, how far it is, and of which images it is."""

    path: str
    iterations: int
    data_checksum: str | None


def check_resumable(path: str, config: dict[str, Any]) -> Resumed:
    """Refuse to resume under options that give the saved values another meaning.

    Raises:
        ConfigError: names the first option that differs.
    """
    checkpoint = read_checkpoint(path)
    saved = checkpoint["ssgan"]["config"]
    for option, old, new in differences(fixed(saved), fixed(config), FREE):
        name, _, leaf = option.rpartition(".")
        if leaf == "_target_" and None in (old, new):
            raise ConfigError(f"cannot resume {path} {'with' if old is None else 'without'} {name}")
        raise ConfigError(f"cannot resume {path}: {option} was {old} there and is {new} now")
    return Resumed(path, checkpoint["global_step"], checkpoint["ssgan"].get("data_checksum"))


def check_left_behind(config: TrainConfig) -> None:
    """Refuse to go on in the folder of a checkpoint that would stay as it is, beside the result of a longer run.

    Raises:
        ConfigError: says what to add.
    """
    last = last_checkpoint(config.run_dir)
    writers = [node.get("dirpath") for node in config.callbacks.values() if isinstance(node, dict)]
    if last.is_file() and str(last.parent) not in map(str, writers):
        raise ConfigError(
            f"{last} would stay behind what goes on from it: add checkpoints to callbacks, or name another"
            " hydra.run.dir"
        )


def check_length(resumed: Resumed, iterations: int) -> None:
    """Refuse a checkpoint that is past ``iterations``, the end of this run, already.

    Raises:
        ConfigError: says how far it is.
    """
    if resumed.iterations > iterations:
        raise ConfigError(
            f"cannot resume {resumed.path}: it is at iteration {resumed.iterations} and the run would end at"
            f" {iterations}; make it longer by trainer.max_iterations or optim.epochs"
        )


def check_data(resumed: Resumed, checksum: str) -> None:
    """Refuse to resume on images or labels that are not those with which the run began.

    Raises:
        DataError: says so.
    """
    if resumed.data_checksum not in (None, checksum):
        raise DataError(
            f"cannot resume {resumed.path}: the data set has other images or labels now than when the run began;"
            " put the old ones back, or begin a new run"
        )
