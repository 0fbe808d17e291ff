"""What a sweep is going to do, and the presets."""

from __future__ import annotations

import itertools
import shlex
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, read_write

from ssgan.config import config_folder, parse
from ssgan.errors import ConfigError
from ssgan.sweeping.plan import SweepPlan, plan_sweep
from tests.runs import TRICKS, composed


def plan(*overrides: str) -> SweepPlan:
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        given = [o for o in overrides if o.startswith(("sweep=", "hydra.sweep", "hydra/"))]
        config: DictConfig = compose("train", given, return_hydra_config=True)
        # What a multirun composes for the sweep as a whole: swept options are listed in it, and take no effect yet.
        with read_write(config.hydra):
            config.hydra.overrides.task = [o for o in overrides if not o.startswith("hydra")]
        return plan_sweep(config)


def test_jobs_are_the_product_of_the_swept_values() -> None:
    found = plan("data=mnist", "trick=[],feature_matching,[feature_matching,label_smoothing]", "data.seed=1,2,3")
    assert found.size == 9
    assert found.folders == [
        f"trick-{tricks}__data.seed-{seed}"
        for tricks in ("none", "feature_matching", "feature_matching+label_smoothing")
        for seed in (1, 2, 3)
    ]
    assert found.shared_keys == ["data"]


@pytest.mark.parametrize("values", ["[],none", "feature_matching,feature_matching"])
def test_the_same_job_twice_is_refused(values: str) -> None:
    with pytest.raises(ConfigError, match=r"2 jobs of the sweep are the same, trick-"):
        plan(f"trick={values}")


def test_ensembles_that_have_splits_in_common_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"data\.seed=1 and 2 have splits in common .* use data\.seed=1,6,11"):
        plan("ensemble=5", "data.seed=1,2,20")
    with pytest.raises(ConfigError, match=r"use data\.seed=1,11,21,31,41"):
        plan("sweep=ablation", "ensemble=10")
    with pytest.raises(ConfigError, match="ensemble=3 "):
        plan("ensemble=2,3", "data.seed=4,6")
    assert plan("ensemble=5", "data.seed=1,6,11").size == 3
    assert plan("ensemble=5", "seed=1,2", "trick=none,feature_matching").size == 4, "the same split on purpose"


@pytest.mark.parametrize("subdir", ["${hydra.job.num}", "jobs/${job_folder:${hydra.overrides.task}}"])
def test_folders_named_by_the_user_are_theirs(subdir: str) -> None:
    found = plan("data.seed=1,2", f"hydra.sweep.subdir='{subdir}'")
    assert (found.size, found.folders) == (2, None)


def test_a_search_has_its_number_of_trials() -> None:
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper", reason="hydra-optuna-sweeper is not installed")
    found = plan("sweep=tune", "hydra.sweeper.n_trials=7", "data=digits")
    assert (found.size, found.folders) == (7, None)
    assert "optim.lr" not in found.shared_keys and "data" in found.shared_keys


def test_a_search_without_held_out_labels_is_refused() -> None:
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper", reason="hydra-optuna-sweeper is not installed")
    with pytest.raises(ConfigError, match=r"set data\.num_val"):
        plan("hydra/sweeper=optuna", "seed=1,2")


def test_slurm_s_launcher_without_slurm_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher", reason="hydra-submitit-launcher is not installed")
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ConfigError, match="no srun here"):
        plan("hydra/launcher=slurm", "seed=1,2")
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    assert plan("hydra/launcher=slurm", "seed=1,2").size == 2


@pytest.mark.parametrize("preset", sorted((config_folder() / "sweep").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_commands_in_a_preset_s_header_can_be_read(preset: Path) -> None:
    lines = [line[1:].strip() for line in preset.read_text().splitlines() if line.startswith("#")]
    words = "\n".join(lines).replace("\\\n", " ").splitlines()
    commands = [shlex.split(line)[3:] for line in words if line.startswith("python -m ssgan.train ")]
    assert commands
    for overrides in commands:
        OverridesParser.create().parse_overrides([word for word in overrides if not word.startswith("-")])


def test_the_ablation_is_none_each_alone_all_and_all_but_one(tmp_path: Path) -> None:
    found = plan("sweep=ablation")
    alone = [{name} for name in TRICKS]
    all_but_one = [set(TRICKS) - {name} for name in TRICKS]
    expected = [frozenset(tricks) for tricks in (set(), *alone, set(TRICKS), *all_but_one)]
    assert found.folders is not None
    jobs = [folder.removeprefix("trick-").split("__data.seed-") for folder in found.folders]
    chosen = [(frozenset(tricks.split("+")) - {"none"}, int(seed)) for tricks, seed in jobs]
    assert len(chosen) == len(set(chosen)) == 60
    assert set(chosen) == set(itertools.product(expected, range(1, 6)))
    for seed, tricks in zip(itertools.cycle(range(1, 6)), expected, strict=False):  # each of them once, and each split
        run_dir = tmp_path / f"{len(tricks)}-{seed}"
        run_dir.mkdir(exist_ok=True)
        cfg = composed(run_dir, "sweep=ablation", f"trick=[{','.join(sorted(tricks))}]", f"data.seed={seed}")
        config = parse(cfg, str(run_dir), [])
        assert set(config.tricks.names) == tricks
        assert (config.run.seed, config.data.seed) == (seed, seed)


def test_the_label_sweep_crosses_labels_objectives_and_splits() -> None:
    found = plan("sweep=labels", "data=mnist")
    assert found.size == 5 * 2 * 5
    narrowed = plan("sweep=labels", "data=mnist", "data.num_labels=20,100", "data.seed=1,2")
    assert narrowed.folders is not None
    assert sorted(narrowed.folders) == sorted(
        f"objective-{objective}__data.num_labels-{labels}__data.seed-{seed}"
        for objective in ("semi_supervised", "supervised")
        for labels in (20, 100)
        for seed in (1, 2)
    )


def test_what_glob_finds_is_planned() -> None:
    found = plan("trick=glob(feature*)", "data.seed=1,2", "trainer.max_iterations=3")
    assert found.folders == [f"trick-feature_matching__data.seed-{seed}" for seed in (1, 2)]


def test_what_all_jobs_add_or_leave_out_is_in_no_name() -> None:
    found = plan(
        "data.seed=1,2", "++trick.feature_matching.norm=l1", "+callbacks.x._target_=y.Z", "~callbacks.collapse"
    )
    assert found.folders == ["data.seed-1", "data.seed-2"]
