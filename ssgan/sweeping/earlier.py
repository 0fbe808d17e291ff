"""What an earlier start of the same sweep left of a job."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ssgan.comparing import FREE, differences, indifferent
from ssgan.config import TrainConfig
from ssgan.errors import ConfigError
from ssgan.run_folder.checkpoint import last_checkpoint, read_checkpoint


def finished_result(config: TrainConfig) -> dict[str, Any] | None:
    """What the job's ``result.json`` holds if it has been done; None if it is still to do.

    Raises:
        ConfigError: the folder holds a run with other options.
    """
    path = Path(config.run_dir, "result.json")
    try:
        result: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    _check_same(path, result.get("config", {}), config)  # nobody looks at its images any more
    return result


def unfinished_checkpoint(config: TrainConfig) -> str | None:
    """The checkpoint from which a job that was cut off goes on; None if it starts anew.

    Raises:
        ConfigError: the folder holds a run with other options, or the checkpoint is damaged.
    """
    path = last_checkpoint(config.run_dir)
    if not path.is_file():
        return None
    try:
        saved = read_checkpoint(str(path))
    except ConfigError as error:
        raise ConfigError(f"{error}; delete it to begin the job anew") from error
    _check_same(path, saved["ssgan"]["config"], config, FREE)
    return str(path)


def _check_same(path: Path, saved: dict[str, Any], config: TrainConfig, free: Sequence[str] = ()) -> None:
    ignored = (*indifferent(saved), *indifferent(config.resolved), *free)
    for option, before, now in differences(saved, config.resolved, ignored):
        raise ConfigError(
            f"{path} is of a run with {option}={before}, and this job has {option}={now}:"
            " name another folder by hydra.sweep.dir"
        )
