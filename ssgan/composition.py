"""The configuration of a command line, composed from Python."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, open_dict

from ssgan.config import TrainConfig, config_folder, parse
from ssgan.error_lines import WRONG_OPTIONS, describe, unnamed_option
from ssgan.errors import ConfigError
from ssgan.run_folder.checkpoint import find_checkpoint
from ssgan.run_folder.lock import check_unused
from ssgan.typed_overrides import override


def compose(overrides: Sequence[str], run_dir: str | Path, *, config_dir: str | Path | None = None) -> TrainConfig:
    """What ``python -m ssgan.train`` makes of overrides; :func:`ssgan.run.run` trains it.

    Args:
        overrides: as on the command line, ``["trick=[]", "data.seed=2"]``, but for those of ``hydra`` itself.
        run_dir: the run's folder, made if it is not there.
        config_dir: a folder of further configurations, as ``--config-dir``.

    Raises:
        ConfigError: there is no such option or folder, a value is wrong, it would be a sweep, or ``run_dir`` holds
            another run.
    """
    folder = Path(run_dir).expanduser().absolute()
    if of_hydra := [given for given in overrides if given.lstrip("+~").startswith("hydra")]:
        raise ConfigError(f"{of_hydra[0]}: Hydra itself does not run here; the run's folder is run_dir")
    further = _searched(config_dir) if config_dir is not None else []
    try:
        with _own_hydra(), hydra.initialize_config_dir(str(config_folder()), version_base="1.3"):
            cfg = hydra.compose("train", [*further, *overrides], return_hydra_config=True)
    except WRONG_OPTIONS as error:
        raise ConfigError(describe(error)) from error
    except ValueError as error:
        raise ConfigError(unnamed_option(overrides) or str(error)) from error
    if cfg.hydra.mode == RunMode.MULTIRUN:
        raise ConfigError("this is a sweep, of which python -m ssgan.train makes the runs; compose one of them")
    with open_dict(cfg), _in_folder(cfg, folder):
        cfg.pop("hydra")
        config = parse(cfg, str(folder), list(overrides))
    check_unused(str(folder), config.run.ckpt_path)
    config.run.ckpt_path = find_checkpoint(config.run.ckpt_path, str(folder))
    folder.mkdir(parents=True, exist_ok=True)
    return config


def _searched(config_dir: str | Path) -> list[str]:
    """The override that has Hydra look for configurations there too."""
    place = Path(config_dir).expanduser().absolute()
    if not place.is_dir():
        raise ConfigError(f"config_dir={config_dir}: there is no such folder")
    quoted = override("", f"file://{place}").removeprefix("=")
    return [f"hydra.searchpath=[{quoted}]"]


@contextmanager
def _own_hydra() -> Iterator[None]:
    """Set the Hydra of an application around this one aside meanwhile; there can be but one at a time."""
    around, GlobalHydra.instance().hydra = GlobalHydra.instance().hydra, None
    try:
        yield
    finally:
        GlobalHydra.instance().hydra = around  # by now of another instance, which Hydra has put in its place


@contextmanager
def _in_folder(cfg: DictConfig, folder: Path) -> Iterator[None]:
    """Give ``${hydra:runtime.output_dir}`` its value meanwhile.

    No longer: Lightning's DDP starts further processes of what it takes for an application of Hydra with Hydra's
    arguments, which the user's script does not have.
    """
    hydras = HydraConfig.instance()
    before = hydras.cfg
    cfg.hydra.runtime.output_dir = str(folder)
    hydras.set_config(cfg)
    try:
        yield
    finally:
        hydras.cfg = before
