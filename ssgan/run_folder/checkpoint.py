"""Checkpoints on disk: which one to resume, and whether a configuration can.

Imports torch only to read a checkpoint, so that one that is not there is missed at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ssgan.config import TrainConfig, flatten
from ssgan.errors import ConfigError, DataError

#: Parts of the configuration that decide what a checkpoint's values mean; a resumed run must not change them. The
#: others (length, logging, learning rate …) it may.
FIXED = ("model", "trick", "objective", "data", "seed", "ensemble")

#: Of those, what a resumed run may change all the same: where the data lies, how much of it is evaluated at once.
FREE = ("data.root", "data.path", "data.eval_batch_size")


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


def check_resumable(path: str, config: dict[str, Any]) -> dict[str, Any]:
    """Refuse to resume under options that give the saved values another meaning; return the checkpoint.

    Raises:
        ConfigError: names the first option that differs.
    """
    checkpoint = read_checkpoint(path)
    saved = checkpoint["ssgan"]["config"]
    before, now = ({key: node.get(key) for key in FIXED} | _fixed_elsewhere(node) for node in (saved, config))
    for option, old, new in differences(before, now, FREE):
        name, _, leaf = option.rpartition(".")
        if leaf == "_target_" and None in (old, new):
            raise ConfigError(f"cannot resume {path} {'with' if old is None else 'without'} {name}")
        raise ConfigError(f"cannot resume {path}: {option} was {old} there and is {new} now")
    return checkpoint


def _fixed_elsewhere(config: dict[str, Any]) -> dict[str, Any]:
    """What decides how Lightning has counted batches, and whether there is an average of G's weights."""
    return {
        "trainer": {"iterations_per_batch": config.get("trainer", {}).get("iterations_per_batch", 1)},
        "optim": {"average": {"generator": config.get("optim", {}).get("average", {}).get("generator", False)}},
    }


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


def check_length(path: str, checkpoint: dict[str, Any], iterations: int) -> None:
    """Refuse to resume a run that is past so many iterations, its end, already.

    Raises:
        ConfigError: says how far it is.
    """
    if (done := checkpoint["global_step"]) > iterations:
        raise ConfigError(
            f"cannot resume {path}: it is at iteration {done} and the run would end at {iterations}; make it longer by"
            " trainer.max_iterations or optim.epochs"
        )


def check_data(path: str, checkpoint: dict[str, Any], checksum: str) -> None:
    """Refuse to resume on images or labels that are not those with which the run began.

    Raises:
        DataError: says so.
    """
    if checkpoint["ssgan"].get("data_checksum", checksum) != checksum:
        raise DataError(
            f"cannot resume {path}: the data set has other images or labels now than when the run began;"
            " put the old ones back, or begin a new run"
        )


def differences(
    before: dict[str, Any], now: dict[str, Any], ignored: Sequence[str] = ()
) -> Iterator[tuple[str, Any, Any]]:
    """The options that differ between two configurations, each as (dotted name, before, now); None for an absent one.

    Args:
        before: a resolved configuration.
        now: another.
        ignored: dotted names of options or groups that may differ.
    """
    old, new = flatten(before), flatten(now)
    for option in sorted(old.keys() | new.keys()):
        if old.get(option) != new.get(option) and not any(f"{option}.".startswith(f"{name}.") for name in ignored):
            yield option, old.get(option), new.get(option)
