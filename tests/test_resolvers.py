"""Names of jobs' folders: readable, typeable, distinct."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode

from ssgan.resolvers import LONGEST, job_folder, job_name, part, sweep_name


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        (["trick=[a,b]", "data.seed=1"], "trick-a+b__data.seed-1"),
        (["trick=[]"], "trick-none"),
        (["trick=none"], "trick-none"),
        (["trick=[ a , b ]"], "trick-a+b"),
        (["seed=7", "data.seed=1", "optim.lr=1e-3"], "optim.lr-1e-3__seed-7__data.seed-1"),
        (["+data.x=2"], "data.x-2"),
        (["optim.lr=-1"], "optim.lr--1"),
        ([], "job"),
    ],
)
def test_a_name_says_what_is_special(overrides: list[str], name: str) -> None:
    assert job_folder(overrides) == name


def test_what_all_jobs_share_is_left_out() -> None:
    assert job_folder(["data=mnist", "trick=none", "+new=1"], ["data", "new"]) == "trick-none"


@pytest.mark.parametrize("value", ["/a/b c", "x=y", "{a:1}", "Ünïcode", "a,b", "'quoted'", "$HOME", "a\nb"])
def test_a_name_can_be_typed_without_quotes_and_stays_distinct(value: str) -> None:
    name = job_folder([f"data.path={value}"])
    assert re.fullmatch(r"[A-Za-z0-9_.+-]+", name)
    assert name != job_folder([f"data.path={value}!"])
    (override,) = OverridesParser.create().parse_overrides([f"ckpt_path=multirun/{name}/checkpoints/last.ckpt"])
    assert override.value() == f"multirun/{name}/checkpoints/last.ckpt"


def test_values_that_lose_different_characters_get_different_names() -> None:
    assert job_folder(["data.path=a/b"]) != job_folder(["data.path=a b"])


def test_a_very_long_name_is_cut_and_stays_distinct() -> None:
    names = {job_folder([f"trick=[{','.join(['technique'] * 50)}]", f"data.seed={seed}"]) for seed in range(5)}
    assert len(names) == 5
    assert max(map(len, names)) <= LONGEST


def test_the_name_of_a_job_in_w_and_b_is_as_short_as_the_server_wants(monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("a" * 128, "a" * 129, "a" * 200):
        cfg = SimpleNamespace(mode=RunMode.MULTIRUN, runtime=SimpleNamespace(output_dir=f"sweep/{folder}"))
        monkeypatch.setattr(HydraConfig, "get", lambda cfg=cfg: cfg)
        monkeypatch.setattr(HydraConfig, "initialized", lambda: True)
        name = job_name()
        assert name is not None and len(name) <= 128 and (name == folder) == (len(folder) <= 128)


def test_the_jobs_of_a_sweep_have_one_group_wherever_they_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime, sweep = SimpleNamespace(cwd=str(tmp_path)), SimpleNamespace(dir="sweep")
    cfg = SimpleNamespace(mode=RunMode.MULTIRUN, runtime=runtime, sweep=sweep)
    monkeypatch.setattr(HydraConfig, "get", lambda: cfg)
    monkeypatch.setattr(HydraConfig, "initialized", lambda: True)
    for job in ("one", "two"):
        (tmp_path / "sweep" / job).mkdir(parents=True)
        monkeypatch.chdir(tmp_path / "sweep" / job)
        assert sweep_name() == f"{tmp_path.name}/sweep"


@pytest.mark.parametrize(
    ("whole", "fraction", "expected"), [(300, 0.2, 60), (900, 0.1, 90), (1400, 1.0, 1400), (3, 0.1, 1), (7, 0.5, 4)]
)
def test_a_part_of_a_length_is_a_whole_number_and_never_nothing(whole: int, fraction: float, expected: int):
    assert part(whole, fraction) == expected


def test_a_part_of_what_is_no_number_is_left_to_the_check_of_the_option() -> None:
    assert part([1], 0.5) == part("abc", 0.5) == part(3, {"a": 1}) == 1  # type: ignore[arg-type]
