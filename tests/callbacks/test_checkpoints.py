"""When last.ckpt and best.ckpt are written."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from lightning.pytorch import Callback

from tests.runs import TINY, last_checkpoint, train


class Watch(Callback):
    """Notes the iteration of last.ckpt after each iteration."""

    def __init__(self, run_dir: Path):
        self.path = run_dir / "checkpoints" / "last.ckpt"
        self.seen: list[int | None] = []

    def on_train_batch_start(self, trainer, *_):
        self.seen.append(torch.load(self.path, weights_only=True)["global_step"] if self.path.exists() else None)


@pytest.mark.parametrize("eval_every", [100, 2], ids=["no evaluation", "evaluations"])
def test_the_last_state_is_written_every_so_often_and_at_the_end(eval_every: int, tmp_path: Path):
    watch = Watch(tmp_path)
    every = ("trainer.checkpoint_every=3", f"trainer.eval_every={eval_every}", "data.batch_size=200")  # 6 an epoch
    train(tmp_path, *TINY, *every, "trainer.max_iterations=8", callbacks=[watch])
    assert watch.seen == [None, None, None, 3, 3, 3, 6, 6]
    assert last_checkpoint(tmp_path)["global_step"] == 8
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["last.ckpt"], "no temporary or old file"


class Errors(Callback):
    """Puts these errors on held-out labels in the place of those of the evaluations."""

    def __init__(self, *errors: float):
        self.errors = iter(errors)

    def on_validation_epoch_end(self, trainer, pl_module):
        error = next(self.errors)
        pl_module.errors.members["val"][0].compute = lambda: torch.tensor(1 - error)


HELD_OUT = (*TINY, "trainer.eval_every=2", "data.num_val=10", "trainer.test_curve=false")


def best_step(run_dir: Path) -> int:
    return torch.load(run_dir / "checkpoints" / "best.ckpt", weights_only=True)["global_step"]


def test_the_best_state_is_that_of_the_lowest_error_on_held_out_labels(tmp_path: Path):
    errors = Errors(0.5, 0.2, 0.2, 0.4, 0.3)  # the first of equals counts
    train(tmp_path, *HELD_OUT, "trainer.max_iterations=10", callbacks=[errors])
    assert not list(errors.errors), "five evaluations"
    assert best_step(tmp_path) == 4


def test_a_run_that_goes_on_in_a_folder_that_was_moved_keeps_its_best_state(tmp_path: Path):
    train(tmp_path / "before", *HELD_OUT, "trainer.max_iterations=4", callbacks=[Errors(0.2, 0.4)])
    moved = (tmp_path / "before").rename(tmp_path / "moved")
    resume = f"ckpt_path={moved / 'checkpoints' / 'last.ckpt'}"
    train(moved, *HELD_OUT, "trainer.max_iterations=8", resume, callbacks=[Errors(0.3, 0.25)])
    assert best_step(moved) == 2, "0.2 is the lowest yet"
    train(moved, *HELD_OUT, "trainer.max_iterations=12", resume, callbacks=[Errors(0.1, 0.15)])
    assert best_step(moved) == 10
    assert sorted(path.name for path in (moved / "checkpoints").iterdir()) == ["best.ckpt", "last.ckpt"]


def test_where_no_best_state_is_left_the_next_evaluation_s_is_the_best(tmp_path: Path):
    train(tmp_path, *HELD_OUT, "trainer.max_iterations=4", callbacks=[Errors(0.2, 0.4)])
    (tmp_path / "checkpoints" / "best.ckpt").unlink()
    resume = f"ckpt_path={tmp_path / 'checkpoints' / 'last.ckpt'}"
    train(tmp_path, *HELD_OUT, "trainer.max_iterations=8", resume, callbacks=[Errors(0.3, 0.35)])
    assert best_step(tmp_path) == 6


def test_a_state_from_before_the_first_evaluation_goes_on_beside_a_later_best_one(tmp_path: Path):
    """As a kill leaves them that comes after an evaluation, before the next last.ckpt."""
    train(tmp_path, *HELD_OUT, "trainer.max_iterations=1")
    train(tmp_path / "later", *HELD_OUT, "trainer.max_iterations=2", callbacks=[Errors(0.2)])
    (tmp_path / "later" / "checkpoints" / "best.ckpt").rename(tmp_path / "checkpoints" / "best.ckpt")
    resume = f"ckpt_path={tmp_path / 'checkpoints' / 'last.ckpt'}"
    train(tmp_path, *HELD_OUT, "trainer.max_iterations=4", resume, callbacks=[Errors(0.3, 0.25)])
    assert best_step(tmp_path) == 4 and last_checkpoint(tmp_path)["global_step"] == 4


def test_without_callbacks_nothing_is_written(tmp_path: Path):
    train(tmp_path, *TINY, "callbacks=none", "trainer.max_iterations=2", "trainer.checkpoint_every=1")
    assert not (tmp_path / "checkpoints").exists()
