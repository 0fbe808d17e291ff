"""An ensemble's members as runs of their own: their part of its result and checkpoint, and whose folder it is."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from ssgan.build import build_model
from ssgan.errors import ConfigError
from ssgan.run import run
from ssgan.run_folder.member_runs import check_members, member_checkpoint, member_config, member_result, write_members
from ssgan.run_folder.status import RunStatus, read_status
from ssgan.training.error_rates import Errors
from tests.runs import TINY, chosen, compose_run, last_checkpoint, train


def test_a_member_that_was_trained_on_alone_is_not_overwritten(tmp_path: Path) -> None:
    options = (*TINY, "logger=csv", "trainer.checkpoint_every=2")
    train(tmp_path, *options, "ensemble=2", "trainer.max_iterations=4")
    member = tmp_path / "members" / "2"
    train(
        member,
        *options,
        "seed=2",
        "data.seed=2",
        "trainer.max_iterations=6",
        f"ckpt_path={member}/checkpoints/last.ckpt",
    )
    again = (*options, "ensemble=2", f"ckpt_path={tmp_path}/checkpoints/last.ckpt", "trainer.max_iterations=5")
    with pytest.raises(ConfigError, match=r"members/2 has been trained on alone and would be overwritten"):
        train(tmp_path, *again)
    assert last_checkpoint(member)["global_step"] == 6
    member.rename(tmp_path / "mine")
    train(tmp_path, *again)
    assert last_checkpoint(member)["global_step"] == 5


def test_members_have_no_checkpoint_of_another_iteration(tmp_path: Path) -> None:
    """One that lay in the ensemble's folder from before, when nothing wrote checkpoints any more."""
    config = compose_run(tmp_path, *TINY, "ensemble=2", "trainer.max_iterations=2")
    result = run(config)
    written = tmp_path / "members" / "1" / "checkpoints" / "last.ckpt"
    assert written.is_file()
    shutil.rmtree(tmp_path / "members")
    errors = {"test": Errors([0.1, 0.2], 0.1)}
    write_members(config, {**result, "iterations": 40}, errors)
    assert not written.exists() and (tmp_path / "members" / "1" / "result.json").is_file()


RESULT: dict[str, Any] = {
    "test_error": 0.05,
    "test_errors": 25,
    "test_size": 500,
    "val_error": 0.12,
    "seed": 5,
    "data_seed": 7,
    "iterations": 40,
    "seconds": 6.0,
    "iterations_per_second": 10.0,
    "parameters": {"discriminator": 300, "generator": 60},
    "config": {"ensemble": 3, "seed": 5, "data": {"seed": 7, "num_labels": 30}, "optim": {"lr": 0.1}},
    "members": [30, 40, 50],
    "mean_member_error": 0.08,
}


def test_a_member_s_result_is_its_own_and_its_share_of_what_is_common() -> None:
    given = copy.deepcopy(RESULT)
    evaluated = {"test": Errors([0.06, 0.08, 0.1], 0.05), "val": Errors([0.1, 0.12, 0.14], None)}
    found = [member_result(RESULT, i, evaluated) for i in range(3)]
    assert [own["test_errors"] for own in found] == [30, 40, 50] and found[1]["test_error"] == 40 / 500
    assert [own["val_error"] for own in found] == [0.1, 0.12, 0.14]
    assert [(own["seed"], own["data_seed"]) for own in found] == [(5, 7), (6, 8), (7, 9)]
    assert found[2]["config"] == {
        "ensemble": None, "seed": 7, "data": {"seed": 9, "num_labels": 30}, "optim": {"lr": 0.1},
    }  # fmt: skip
    assert found[0]["parameters"] == {"discriminator": 100, "generator": 20}
    assert (found[0]["seconds"], found[0]["iterations_per_second"]) == (2.0, 30.0), "three runs in the time of all"
    assert found[0]["trained_with"] == {"ensemble": 3, "seconds": 6.0}
    assert not {"members", "mean_member_error"} & set(found[0])
    assert given == RESULT, "the ensemble's own is as it was"


def test_without_held_out_labels_a_member_has_no_error_on_them() -> None:
    whole = {key: value for key, value in RESULT.items() if key != "val_error"}
    assert "val_error" not in member_result(whole, 0, {"test": Errors([0.06, 0.08, 0.1], 0.05)})


def test_a_member_s_checkpoint_is_its_slice_of_every_stacked_tensor(tmp_path: Path) -> None:
    tricks = chosen("historical_averaging", "feature_matching")
    config = compose_run(tmp_path, *TINY, *tricks, "ensemble=2", "seed=3", "data.seed=9")
    model = build_model(config, (1, 8, 8), ("a", "b"), 20)
    state = {name: torch.randn(v.shape) if v.is_floating_point() else v for name, v in model.state_dict().items()}
    adam = {"state": {0: {"step": torch.tensor(4.0), "exp_avg": torch.randn(2, 5)}}, "param_groups": [{"lr": 0.1}]}
    described = model.description | {
        "seconds": 8.0,
        "rng_state": torch.arange(6).view(2, 3),
        "history": {"names": ["a"], "rows": torch.arange(24.0).view(3, 4, 2)},
    }
    whole = {
        "state_dict": state,
        "optimizer_states": [adam],
        "callbacks": {"x": 1},
        "global_step": 4,
        "ssgan": described,
    }
    found = member_checkpoint(whole, 1)
    alone = build_model(compose_run(tmp_path, *TINY, *tricks), (1, 8, 8), ("a", "b"), 20).state_dict()
    assert {name: value.shape for name, value in found["state_dict"].items()} == {n: v.shape for n, v in alone.items()}
    assert all(torch.equal(found["state_dict"][name], state[name][1]) for name in alone) and len(alone) > 10
    own = found["optimizer_states"][0]["state"][0]
    assert own["step"] == 4 and torch.equal(own["exp_avg"], adam["state"][0]["exp_avg"][1])
    assert found["global_step"] == 4 and found["callbacks"] == {}
    kept = found["ssgan"]
    assert kept["seconds"] == 4.0 and kept["rng_state"].tolist() == [3, 4, 5]
    assert torch.equal(kept["history"]["rows"], described["history"]["rows"][..., 1])
    assert kept["config"] == member_config(config.resolved, 1)
    assert (kept["config"]["seed"], kept["config"]["data"]["seed"], kept["config"]["ensemble"]) == (4, 10, None)


@pytest.mark.parametrize(("own", "refused"), [(None, False), (5, False), (6, False), (7, True)])
def test_a_member_that_is_further_than_the_whole_has_been_trained_on(
    own: int | None, refused: bool, tmp_path: Path
) -> None:
    config = compose_run(tmp_path, *TINY, "ensemble=2")
    RunStatus("done", 6, 6).write(tmp_path)
    if own is not None:
        (tmp_path / "members" / "2").mkdir(parents=True)
        RunStatus("done", own, own).write(tmp_path / "members" / "2")
    if not refused:
        check_members(config)
        (tmp_path / "members" / "2" / ".hydra").mkdir(parents=True)  # the command was there
    with pytest.raises(ConfigError, match=r"members/2 has been trained on alone"):
        check_members(config)


def test_members_of_an_ensemble_without_checkpoints_have_results_and_states_alone(tmp_path: Path) -> None:
    config = compose_run(tmp_path, *TINY, "ensemble=3")
    write_members(config, RESULT, {"test": Errors([0.06, 0.08, 0.1], 0.05)})
    for i in (1, 2, 3):
        folder = tmp_path / "members" / str(i)
        assert sorted(path.name for path in folder.iterdir()) == ["result.json", "status.json"]
        assert json.loads((folder / "result.json").read_text())["seed"] == 4 + i
        status = read_status(folder)
        assert status is not None and (status.state, status.iteration, status.seconds) == ("done", 40, 2.0)
