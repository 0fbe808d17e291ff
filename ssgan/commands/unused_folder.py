"""A command refuses a folder that is not its own, and leaves one as it was that it cannot go on in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from ssgan.commands.cli import leave
from ssgan.errors import ConfigError
from ssgan.run_folder.lock import check_unused

#: The configuration that lay in a run's folder before Hydra wrote the command's there.
_replaced: dict[Path, bytes] = {}


def put_configuration_back() -> None:
    """Undo what Hydra wrote into the folder of a run that was not gone on with after all."""
    for path, content in _replaced.items():
        path.write_bytes(content)


class UnusedFolder(Callback):
    """A Hydra callback: refuses a folder that is not the command's before Hydra writes its configuration there."""

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Look for another run, unless the command goes on with it."""
        if not config.hydra.run.dir:
            leave(ConfigError("hydra.run.dir is empty; name a folder"))
        try:
            folder = Path(config.hydra.run.dir)
            check_unused(str(folder), config.get("ckpt_path"))
            _replaced.clear()
            _replaced.update({path: path.read_bytes() for path in (folder / ".hydra").resolve().glob("*.yaml")})
        except ConfigError as error:
            leave(error)  # Hydra would make a warning of it
