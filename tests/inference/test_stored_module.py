"""The training module of a checkpoint; what is refused is in test_trained."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ssgan.errors import ConfigError
from ssgan.inference.stored_module import checkpoint_path, load_module
from tests.runs import TINY, assert_equal, last_checkpoint, train


def test_it_has_the_values_and_the_configuration_of_the_run(tmp_path: Path) -> None:
    train(tmp_path, *TINY, "trainer.max_iterations=2", "optim.lr=0.004")
    module, config, path = load_module(tmp_path)
    assert_equal(dict(module.state_dict()), dict(last_checkpoint(tmp_path)["state_dict"]))
    assert config.optim.lr == 0.004 and path == tmp_path / "checkpoints" / "last.ckpt"
    learning = {name for name, parameter in module.named_parameters() if parameter.requires_grad}
    assert any(name.startswith("generator.") for name in learning)
    assert not any(name.startswith("average.") for name in learning)


def test_graphs_are_the_next_trainers_affair(tmp_path: Path) -> None:
    train(tmp_path, *TINY, "trainer.max_iterations=2")
    checkpoint = last_checkpoint(tmp_path)
    checkpoint["ssgan"]["config"]["trainer"]["cuda_graphs"] = True  # as on a GPU
    torch.save(checkpoint, tmp_path / "graphs.ckpt")
    assert not load_module(tmp_path / "graphs.ckpt")[0].cuda_graphs


def test_a_folder_of_runs_is_not_one(tmp_path: Path) -> None:
    (tmp_path / "a" / "checkpoints").mkdir(parents=True)
    (tmp_path / "a" / "checkpoints" / "last.ckpt").touch()
    with pytest.raises(ConfigError, match="is one of the 1 runs in it meant, such as"):
        checkpoint_path(tmp_path)
