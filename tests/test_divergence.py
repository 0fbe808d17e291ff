"""Training that diverges: one line, and the last checkpoint is finite."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from ssgan.errors import TrainingDiverged
from ssgan.tricks import FeatureMatching
from tests.runs import TINY, command, last_checkpoint, train


def diverge_at(k: int, value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make feature matching's term what it must not be at the k-th iteration."""
    calls = iter(range(1, 1000))
    plain = FeatureMatching.generator_objective

    def objective(self, step):
        return plain(self, step) * (value if next(calls) == k else 1)

    monkeypatch.setattr(FeatureMatching, "generator_objective", objective)


@pytest.mark.parametrize("value", [math.inf, math.nan], ids=["inf", "nan"])
@pytest.mark.parametrize(
    ("log_every", "checkpoint_every", "last"), [(50, 1, 4), (1, 1, 4), (50, 3, 3), (4, 2, 4), (2, 50, 0)]
)
def test_a_loss_that_is_not_finite_stops_the_run_and_spares_the_checkpoint(
    log_every: int, checkpoint_every: int, last: int, value: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    diverge_at(5, value, monkeypatch)
    every = (f"trainer.log_every={log_every}", f"trainer.checkpoint_every={checkpoint_every}")
    with pytest.raises(
        TrainingDiverged, match=r"generator's term 'feature_matching' is (inf|nan) at iteration 5\b"
    ) as error:
        train(tmp_path, *TINY, *every, "trainer.max_iterations=8")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "result.json").exists()
    if last:
        saved = last_checkpoint(tmp_path)
        assert saved["global_step"] == last
        assert all(value.isfinite().all() for value in saved["state_dict"].values())
    else:
        assert not (tmp_path / "checkpoints" / "last.ckpt").exists()


def test_the_command_says_in_one_line_that_training_diverged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd):
    diverge_at(3, math.nan, monkeypatch)
    monkeypatch.chdir(tmp_path)
    assert command(*TINY, "trainer.max_iterations=5") == 1
    err = capfd.readouterr().err
    assert err.startswith("error: ") and err.count("\n") == 1
    assert "feature_matching" in err and "iteration 3" in err


def test_an_absurd_learning_rate_is_noticed(tmp_path: Path):
    with pytest.raises(TrainingDiverged, match="iteration"):
        train(tmp_path, *TINY, "optim.lr=1e30", "trainer.checkpoint_every=1", "trainer.max_iterations=20")
    assert all(value.isfinite().all() for value in last_checkpoint(tmp_path)["state_dict"].values())
