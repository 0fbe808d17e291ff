"""Options that no job of a sweep can run with, refused by one line before the first job, not once by each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, open_dict, read_write

from ssgan.config import TrainConfig, parse
from ssgan.errors import ConfigError


def check_one_device(config: TrainConfig) -> None:
    """Refuse a job of several processes.

    Raises:
        ConfigError: each of them would start the sweep again.
    """
    if not config.trainer.one_device:
        raise ConfigError(
            f"trainer.devices={config.trainer.devices} starts processes that would each start the sweep again: sweep"
            " with trainer.devices=1"
        )


def check_jobs(config: DictConfig, jobs: Sequence[Sequence[str]]) -> None:
    """Refuse a sweep in which every job has an option that is wrong; looks no further than the first that has none.

    Args:
        config: as composed for the whole sweep, with its ``hydra`` node.
        jobs: the overrides of each.

    Raises:
        ConfigError: what is wrong with the first job.
    """
    wrong: ConfigError | None = None
    for overrides in jobs:
        try:
            check_one_device(_job_config(config, overrides))
        except ConfigError as error:
            wrong = wrong or error
        else:
            return
    if wrong:
        raise wrong


def _job_config(config: DictConfig, overrides: Sequence[str]) -> TrainConfig:
    """The configuration of one job, as Hydra's launchers compose it, in a folder that need not exist."""
    job = GlobalHydra.instance().config_loader().load_sweep_config(config, list(overrides))
    folder = str(Path(config.hydra.sweep.dir, "job").absolute())
    with read_write(job), open_dict(job):
        job.hydra.runtime.output_dir = folder
        job.hydra.job.num, job.hydra.job.id = 0, "job"
    before = HydraConfig.instance().cfg
    try:
        HydraConfig.instance().set_config(job)  # gives ${hydra:…} its values
        with read_write(job), open_dict(job):
            runtime = job.pop("hydra").runtime
        return parse(job, folder, list(overrides), runtime.cwd)
    finally:
        HydraConfig.instance().cfg = before
