"""A command refuses a folder that is not its own, and leaves one as it was that it cannot go on in."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ssgan.commands.cli import leave
from ssgan.errors import ConfigError, SSGANError
from ssgan.machine.processes import one_of_several
from ssgan.run_folder.lock import check_unused
from ssgan.typed_overrides import is_number

#: What is in a folder before its run begins.
HYDRAS = {".hydra", "multirun.yaml", "train.log"}

#: The configuration that lay in a run's folder before Hydra wrote the command's there.
_replaced: dict[Path, bytes] = {}


def leave_as_it_was(run_dir: Path, here: Path) -> None:
    """Undo what Hydra wrote into the folder of a run that was refused.

    Args:
        run_dir: the folder; removed, see :func:`discard_unused`, unless a configuration lay there before.
        here: where the command was given.
    """
    if _replaced:
        write_back(_replaced)
    else:
        discard_unused(run_dir, here)


def discard_unused(run_dir: Path, here: Path) -> None:
    """Remove a run's folder if only Hydra has written there, and the folders above it, below ``here``, if then empty.

    Where other processes of the run may be about to write there, it stays.
    """
    if one_of_several() or not run_dir.is_dir() or {path.name for path in run_dir.iterdir()} - HYDRAS:
        return
    if here.is_relative_to(run_dir.resolve()):  # hydra.run.dir=. is the user's folder
        return
    shutil.rmtree(run_dir, ignore_errors=True)
    for folder in run_dir.parents:
        if not folder.is_relative_to(here) or folder == here:
            return
        try:
            folder.rmdir()
        except OSError:  # it is in use
            return


def hydra_files(folder: Path) -> dict[Path, bytes]:
    """What Hydra has written of a run into its folder, for :func:`write_back`."""
    return {path: path.read_bytes() for path in (folder / ".hydra").resolve().glob("*.yaml")}


def write_back(files: dict[Path, bytes]) -> None:
    """Give files the content that they had."""
    for path, content in files.items():
        path.write_bytes(content)


class UnusedFolder(Callback):
    """A Hydra callback: refuses a folder that is not the command's before Hydra writes its configuration there."""

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Look for another run, unless the command goes on with it."""
        try:
            folder = Path(_folder("hydra.run.dir", config))
            ckpt_path = config.get("ckpt_path")
            if ckpt_path is None or isinstance(ckpt_path, str):  # another value is refused with the others
                check_unused(str(folder), ckpt_path)
            _make(folder)
            _replaced.clear()
            _replaced.update(hydra_files(folder))
        except SSGANError as error:
            leave(error)  # Hydra would make a warning of it

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """A sweep would not look at the folder of a single run."""
        try:
            if given := _given("hydra.run.dir", config):
                raise ConfigError(f"hydra.run.dir={given}: the folder of a sweep is hydra.sweep.dir")
            _folder("hydra.sweep.dir", config)
        except SSGANError as error:
            leave(error)


def _given(key: str, config: DictConfig) -> str | None:
    """What stands after ``key=`` on the command line; of an interpolation the text, for not each has a value yet."""
    words: Any = OmegaConf.to_container(config.hydra.overrides.hydra)
    found = [word.partition("=")[2] for word in words if word.partition("=")[0] == key]
    return found[-1] if found else None


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):  # the permissions of a folder do not tell of a disk that is read-only
            pass
    except OSError as error:
        why = error.strerror or error
        what = "cannot be written to" if folder.is_dir() else "cannot be made"
        raise SSGANError(f"hydra.run.dir={folder} {what}: {why}; name another folder") from error


def _folder(key: str, config: DictConfig) -> str:
    """The folder of the run or the sweep, of which ``key`` is the option.

    Raises:
        ConfigError: Hydra takes what is written for something else than a path.
    """
    try:
        folder = str(OmegaConf.select(config, key, throw_on_missing=True))
    except OmegaConfBaseException as error:
        raise ConfigError(f"{key}: {str(error.msg or error).splitlines()[0]}") from error
    if not folder:
        raise ConfigError(f"{key} is empty; name a folder")
    if folder.startswith("~"):
        raise ConfigError(f"{key}={folder}: Hydra does not know ~ here; write the whole path")
    given = _given(key, config)
    if given and is_number(given) and given != folder:
        raise ConfigError(f"{key}={given} is read as the number {folder}; write {key}=./{given}")
    return folder
