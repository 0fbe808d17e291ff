"""Options that no job can run with are refused before the first job."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig

import ssgan.sweeping.refusal
from ssgan.config import config_folder
from ssgan.errors import ConfigError
from ssgan.sweeping.refusal import check_jobs
from tests.runs import TINY, refused


def check(*jobs: list[str], shared: tuple[str, ...] = ()) -> None:
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        check_jobs(compose("train", ["hydra.mode=MULTIRUN", *shared], return_hydra_config=True), jobs)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("data.batch_size=0", "data.batch_size=0: must be greater than 0"),
        ("data.batch_size=0,-1", "data.batch_size=0: must be greater than 0"),
        ("data=folder model=mlp", "data.path must be given"),
        ("trainer=ddp", "sweep with trainer.devices=1"),
        ("trainer.devices=2", "sweep with trainer.devices=1"),
        ("trainer.num_nodes=2", "sweep with trainer.devices=1"),
    ],
)
def test_what_is_wrong_in_every_job_is_one_line_and_leaves_nothing(
    wrong: str, said: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sweep = ("-m", *TINY, "trick=none,feature_matching", f"hydra.sweep.dir={tmp_path / 'sweep'}")
    assert said in refused(capfd, *sweep, *wrong.split())
    assert list(tmp_path.iterdir()) == []


def test_one_job_that_can_run_is_enough_and_no_further_one_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, parse = [], ssgan.sweeping.refusal.parse
    monkeypatch.setattr(
        ssgan.sweeping.refusal, "parse", lambda cfg, *rest: (seen.append(cfg.optim.lr), parse(cfg, *rest))[1]
    )
    check(*([f"optim.lr={lr}"] for lr in (-1, 0, 0.1, 0.2)))
    assert seen == [-1, 0, 0.1]
    with pytest.raises(ConfigError, match=r"optim\.lr=-1"):
        check(["optim.lr=-1"], ["optim.lr=0"])


def test_a_search_names_no_jobs_beforehand() -> None:
    check(shared=("data.batch_size=0",))


def test_a_job_is_looked_at_as_it_will_be() -> None:
    """Its number, its folder's and its W&B run's name are there, and nothing of it stays."""
    before = HydraConfig.instance().cfg
    check(["seed=${hydra:job.num}"], shared=("logger=wandb",))
    assert HydraConfig.instance().cfg is before
    with pytest.raises(ConfigError, match=r"seed=-1"):
        check(["seed=-1"], shared=("logger=wandb",))
