"""What a sweep is going to do, known before its first job."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from ssgan.errors import ConfigError
from ssgan.resolvers import job_folder

#: What ``hydra.sweep.subdir`` is unless the user names the folders.
JOB_FOLDERS = "${job_folder:${hydra.overrides.task},${hydra.job.config.override_dirname.exclude_keys}}"


@dataclass(frozen=True)
class SweepPlan:
    """``size``, the number of jobs; ``shared_keys``, what is the same in all; ``jobs``, the overrides of each.

    ``folders`` has their names. A search chooses its jobs as it goes: ``jobs`` is then empty. ``folders`` is None for a
    search, and where the user names the folders.
    """

    size: int
    shared_keys: list[str]
    jobs: list[list[str]]
    folders: list[str] | None


def plan_sweep(config: DictConfig) -> SweepPlan:
    """The plan of a multirun.

    Args:
        config: as composed for the whole sweep, with its ``hydra`` node.

    Raises:
        ConfigError: two jobs would be the same or have members in common, a search has nothing to go by, or there is
            no SLURM for its launcher.
    """
    sweeper = config.hydra.sweeper
    params = [f"{key}={value}" for key, value in (sweeper.get("params") or {}).items()]
    task = list(config.hydra.overrides.task)
    hydra = GlobalHydra.instance()
    # glob() needs it, to know what there is to choose from.
    parser = OverridesParser.create(hydra.config_loader() if hydra.is_initialized() else None)
    overrides = {o.get_key_element().lstrip("+~"): o for o in parser.parse_overrides([*params, *task])}
    if config.hydra.launcher._target_.endswith(".SlurmLauncher") and shutil.which("srun") is None:
        raise ConfigError("hydra/launcher=slurm: there is no srun here; start the sweep on a machine of the cluster")
    if not sweeper._target_.endswith(".BasicSweeper"):
        if not config.data.get("num_val"):
            raise ConfigError("a search needs the error on held-out labels: set data.num_val")
        searched = [o.split("=")[0].lstrip("+") for o in params]
        shared = [key for key, o in overrides.items() if not o.is_sweep_override() and key not in searched]
        return SweepPlan(int(sweeper.n_trials), shared, [], None)
    shared = [key for key, override in overrides.items() if not override.is_sweep_override()]
    jobs: list[list[str]] = BasicSweeper.split_arguments(list(overrides.values()), None)[0]
    _refuse_common_splits(jobs, config)
    if OmegaConf.to_container(config.hydra.sweep)["subdir"] != JOB_FOLDERS:  # type: ignore[index,call-overload]
        return SweepPlan(len(jobs), shared, jobs, None)
    folders = [job_folder(job, shared) for job in jobs]
    for name, times in Counter(folders).items():
        if times > 1:
            raise ConfigError(f"{times} jobs of the sweep are the same, {name}; give each value once")
    return SweepPlan(len(jobs), shared, jobs, folders)


def _refuse_common_splits(jobs: Sequence[Sequence[str]], config: DictConfig) -> None:
    """Refuse ensembles that differ in ``data.seed`` alone and share labelled splits: they count as independent."""
    seeds: dict[tuple[int, tuple[str, ...]], set[int]] = {}
    for job in jobs:
        options = dict(override.lstrip("+").split("=", 1) for override in job if "=" in override)
        members, seed = options.get("ensemble", config.get("ensemble")), options.get("data.seed", config.data.seed)
        if str(members).isdecimal() and str(seed).isdecimal():
            others = tuple(f"{key}={value}" for key, value in options.items() if key not in ("data.seed", "seed"))
            seeds.setdefault((int(members), others), set()).add(int(seed))
    for (members, _), found in seeds.items():
        for one, other in pairwise(sorted(found)):
            if other - one < members:
                apart = ",".join(str(min(found) + i * members) for i in range(len(found)))
                raise ConfigError(
                    f"ensemble={members} has members of {members} splits from data.seed on, so those of data.seed={one}"
                    f" and {other} have splits in common and are no independent runs: use data.seed={apart}"
                )
