"""An ensemble trained at once: its members are the runs that they would be alone, and it is better than they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import Callback

import ssgan.training.members
from ssgan import load
from ssgan.errors import ConfigError
from ssgan.machine.precision import cpu_has_bf16
from tests.fake_data import write_arrays
from tests.runs import (
    FURTHER,
    QUIET,
    TINY,
    TINY_CONV,
    TINY_MLP,
    TRICKS,
    assert_equal,
    chosen,
    command,
    last_checkpoint,
    metric_rows,
    train,
)

#: Adam's first steps are the sign of the gradient, also of one that is nothing but rounding, unless eps is above that.
SHORT = (*TINY, "logger=csv", "optim.eps=1e-6", "trainer.log_every=5", "trainer.eval_every=10")
LENGTH = 20
RUNS = {
    "feature_matching": (),
    "all": tuple(chosen(*TRICKS)),
    "further": tuple(chosen("feature_matching", *FURTHER)),
    "held_out": ("data.num_val=30", "data.include_labelled=false", "data.augment.shift=1"),
    "steps": (
        "objective.d_steps=2",
        "objective.g_steps=2",
        "optim.clip_norm=0.1",
        "optim.average.generator=true",
        "optim.eps=0",
        "optim.eps_root=1e-12",
    ),
    "supervised": ("objective=supervised",),
}


def far(a: dict[str, Any], b: dict[str, Any]) -> float:
    """The largest ‖a − b‖ / ‖b‖ over the tensors of two states, a historical mean counting with its rest as one."""
    assert a.keys() == b.keys()
    ours, theirs = (
        {
            key: value.double() + state.get(key.replace(".mean_", ".rest_"), torch.zeros(())) * (".mean_" in key)
            for key, value in state.items()
            if ".rest_" not in key  # the rounding error of a mean, of no size of its own
        }
        for state in (a, b)
    )
    return max(float((ours[key] - theirs[key]).norm() / theirs[key].norm().clamp_min(1e-3)) for key in theirs)


@pytest.mark.parametrize("name", RUNS)
def test_a_member_is_the_run_it_would_be_alone(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the members compute at once or, as their parameters are too large for a CPU's cache, in turn."""
    options = (*SHORT, *RUNS[name], f"trainer.max_iterations={LENGTH}")
    ensembles = {"at once": train(tmp_path / "at once", *options, "ensemble=3", "seed=5", "data.seed=7")}
    monkeypatch.setattr(ssgan.training.members, "CACHE_BYTES", 0)
    ensembles["in turn"] = train(tmp_path / "in turn", *options, "ensemble=3", "seed=5", "data.seed=7")
    alone = [train(tmp_path / str(i), *options, f"seed={5 + i}", f"data.seed={7 + i}") for i in range(3)]
    for how, whole in ensembles.items():
        assert_members_are_the_runs(tmp_path, how, whole, alone)


def assert_members_are_the_runs(tmp_path: Path, how: str, whole: dict[str, Any], runs: list[dict[str, Any]]) -> None:
    for i, alone in enumerate(runs):
        folder = tmp_path / how / "members" / str(i + 1)
        expected, found = last_checkpoint(tmp_path / str(i)), last_checkpoint(folder)
        assert far(found["state_dict"], expected["state_dict"]) < 1e-4
        assert torch.equal(found["ssgan"]["rng_state"], expected["ssgan"]["rng_state"])
        assert found["ssgan"]["config"]["seed"] == 5 + i and found["ssgan"]["config"]["data"]["seed"] == 7 + i
        result = json.loads((folder / "result.json").read_text())
        assert abs(result["test_errors"] - alone["test_errors"]) <= 1 and result["parameters"] == alone["parameters"]
        assert {k: result[k] for k in ("seed", "data_seed", "num_labels")} == {
            k: alone[k] for k in ("seed", "data_seed", "num_labels")
        }
        assert ("val_error" in result) == ("val_error" in alone)
        assert whole["members"][i] == result["test_errors"]


def test_the_log_has_the_members_mean_and_the_ensemble(tmp_path: Path) -> None:
    result = train(tmp_path, *SHORT, f"trainer.max_iterations={LENGTH}", "ensemble=3")
    rows = metric_rows(tmp_path)
    tests = [row for row in rows if "test/error" in row]
    assert [row["step"] for row in tests] == [10, 20]
    assert tests[-1]["test/error"] == pytest.approx(result["mean_member_error"])
    assert tests[-1]["test/ensemble_error"] == pytest.approx(result["test_error"])
    assert result["mean_member_error"] == pytest.approx(sum(result["members"]) / 3 / result["test_size"])
    assert result["test_error"] < result["mean_member_error"]
    assert [row["step"] for row in rows if "train/d_loss" in row] == [5, 10, 15, 20]


def test_the_saved_ensemble_predicts_by_the_mean_of_its_members(tmp_path: Path) -> None:
    result = train(tmp_path, *SHORT, f"trainer.max_iterations={LENGTH}", "ensemble=3", *chosen(*TRICKS))
    whole = ssgan.load(tmp_path, "cpu")
    images = whole.images()
    prediction = whole.predict(images.x_test)
    members = [ssgan.load(tmp_path / "members" / str(i + 1), "cpu").predict(images.x_test) for i in range(3)]
    mean = torch.stack([member.probabilities for member in members]).mean(0)
    torch.testing.assert_close(prediction.probabilities, mean, rtol=1e-4, atol=1e-5)
    realness = torch.stack([member.realness for member in members]).mean(0)
    torch.testing.assert_close(prediction.realness, realness, rtol=1e-4, atol=1e-5)
    assert int((prediction.labels != images.y_test).sum()) == result["test_errors"]
    with pytest.raises(ConfigError, match=r"this is an ensemble; name one of its members, members/1 to members/3"):
        whole.sample(4)
    assert ssgan.load(tmp_path / "members" / "2", "cpu").sample(4).shape == (4, 1, 8, 8)


def test_a_resumed_ensemble_equals_the_uninterrupted_one_bit_for_bit(tmp_path: Path) -> None:
    options = (*SHORT, *chosen(*TRICKS), "ensemble=2", "trainer.checkpoint_every=1", "optim.flat=1")
    train(tmp_path / "parts", *options, "trainer.max_iterations=7")
    resume = f"ckpt_path={tmp_path / 'parts' / 'checkpoints' / 'last.ckpt'}"
    train(tmp_path / "parts", *options, "trainer.max_iterations=12", resume)
    train(tmp_path / "whole", *options, "trainer.max_iterations=12")
    parts, whole = (last_checkpoint(tmp_path / name) for name in ("parts", "whole"))
    for key in ("state_dict", "optimizer_states", "global_step"):
        assert_equal(parts[key], whole[key], key)
    assert torch.equal(parts["ssgan"]["rng_state"], whole["ssgan"]["rng_state"])
    assert metric_rows(tmp_path / "parts")[-1] == metric_rows(tmp_path / "whole")[-1]


def test_a_members_training_can_go_on_alone(tmp_path: Path) -> None:
    options = (*SHORT, *chosen(*TRICKS), "optim.flat=1")
    train(tmp_path / "all", *options, "ensemble=2", "trainer.max_iterations=6")
    resume = f"ckpt_path={tmp_path / 'all' / 'members' / '2' / 'checkpoints' / 'last.ckpt'}"
    train(tmp_path / "on", *options, "seed=2", "data.seed=2", "trainer.max_iterations=12", resume)
    train(tmp_path / "alone", *options, "seed=2", "data.seed=2", "trainer.max_iterations=12")
    assert far(last_checkpoint(tmp_path / "on")["state_dict"], last_checkpoint(tmp_path / "alone")["state_dict"]) < 1e-4


def test_another_number_of_members_cannot_be_resumed(tmp_path: Path) -> None:
    train(tmp_path / "all", *SHORT, "ensemble=2", "trainer.max_iterations=2")
    resume = f"ckpt_path={tmp_path / 'all' / 'checkpoints' / 'last.ckpt'}"
    for other in ("ensemble=3", "ensemble=null"):
        with pytest.raises(ConfigError, match=r"cannot resume .*: ensemble was 2 there and is"):
            train(tmp_path / "on", *SHORT, other, "trainer.max_iterations=4", resume)


def test_going_on_takes_away_the_members_results_too(tmp_path: Path) -> None:
    """Until it is done the run has no result, and neither have they."""
    train(tmp_path, *SHORT, "ensemble=2", "trainer.max_iterations=2")
    assert len(list(tmp_path.glob("members/*/result.json"))) == 2

    class Cut(Callback):
        def on_train_batch_end(self, *_: Any) -> None:
            raise KeyboardInterrupt

    resume = f"ckpt_path={tmp_path / 'checkpoints' / 'last.ckpt'}"
    with pytest.raises((SystemExit, KeyboardInterrupt)):
        train(tmp_path, *SHORT, "ensemble=2", "trainer.max_iterations=4", resume, callbacks=[Cut()])
    assert not list(tmp_path.glob("**/result.json"))


def test_the_default_run_trains_an_ensemble_too(tmp_path: Path) -> None:
    """With all callbacks and loggers that a user gets."""
    status = command("trainer=cpu", "debug=fast", "ensemble=2", *TINY_MLP, f"hydra.run.dir={tmp_path}")
    assert status == 0
    assert (tmp_path / "result.json").is_file() and list((tmp_path / "samples").iterdir())


def test_samples_show_every_member(tmp_path: Path) -> None:
    train(tmp_path, *SHORT, "callbacks=[checkpoints,samples]", "ensemble=2", "trainer.max_iterations=4")
    assert [path.name for path in (tmp_path / "samples").iterdir()] == ["0000004.png"]
    z = load(tmp_path, "cpu").draw_z(6)
    together = load(tmp_path, "cpu").module.sample(z)
    alone = [load(tmp_path / "members" / str(i), "cpu").module.sample(z) for i in (1, 2)]
    torch.testing.assert_close(together, torch.cat([alone[0][:3], alone[1][3:]]), rtol=0, atol=1)
    assert (alone[0].int() - alone[1].int()).abs().max() > 1


def test_a_term_that_is_not_finite_names_the_member(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = command(*SHORT, "ensemble=2", "optim.lr=1e30", f"hydra.run.dir={tmp_path}")
    assert status == 1
    assert "of member 1 is" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.skipif(not cpu_has_bf16(), reason="this CPU rounds nothing to bfloat16")
@pytest.mark.parametrize("model", ["mlp", "conv"])
def test_a_member_in_bfloat16_is_the_run_it_would_be_alone(model: str, tmp_path: Path) -> None:
    """Its layers compute in bfloat16 as well; what vmap makes of them would not."""
    rounded = ("trainer.precision=bf16-mixed", "optim.eps=1e-6", "trainer.max_iterations=3", f"model={model}")
    write_arrays(tmp_path / "images.npz")
    data = ("data=arrays", f"data.path='{tmp_path / 'images.npz'}'", "data.num_labels=20")
    options = (*data, *QUIET, *(TINY_MLP if model == "mlp" else TINY_CONV), *rounded)
    train(tmp_path / "all", *options, "ensemble=2", "seed=5", "data.seed=7")
    for i in range(2):
        train(tmp_path / str(i), *options, f"seed={5 + i}", f"data.seed={7 + i}")
        found = last_checkpoint(tmp_path / "all" / "members" / str(i + 1))["state_dict"]
        assert far(found, last_checkpoint(tmp_path / str(i))["state_dict"]) < 5e-3
