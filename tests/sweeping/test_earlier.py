"""A job that has been done is taken for this sweep's only if it is of the same options and images."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ssgan.errors import ConfigError
from ssgan.sweeping.earlier import finished_result, unfinished_checkpoint
from tests.fake_data import write_arrays
from tests.runs import TINY, compose_run, train


def test_a_job_done_with_other_images_is_refused_and_one_that_goes_on_finds_them_by_itself(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_arrays(tmp_path / f"{name}.npz")
    options = (*TINY, "model=mlp_small", "data=arrays", "data.num_labels=20", "trainer.max_iterations=1")
    run = tmp_path / "run"
    train(run, *options, f"data.path={tmp_path}/a.npz")
    same, other = (compose_run(run, *options, f"data.path={tmp_path}/{name}.npz") for name in ("a", "b"))
    assert finished_result(same) == json.loads((run / "result.json").read_text())
    with pytest.raises(ConfigError, match=r"a\.npz, and this job has data\.path=.*b\.npz: name another folder"):
        finished_result(other)
    assert unfinished_checkpoint(other) == str(run / "checkpoints" / "last.ckpt")  # resuming compares the images


def test_a_job_with_another_callback_that_may_end_it_is_another_job(tmp_path: Path) -> None:
    options = (*TINY, "trainer.max_iterations=1")
    train(tmp_path, *options)
    stop = "+callbacks.early={_target_: lightning.pytorch.callbacks.EarlyStopping, monitor: val/error}"
    assert finished_result(compose_run(tmp_path, *options, "callbacks=[checkpoints,progress]")) is not None
    with pytest.raises(ConfigError, match=r"with callbacks\.early\._target_=None, and this job has"):
        finished_result(compose_run(tmp_path, *options, stop))
