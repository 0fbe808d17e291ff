"""PyTorch's own random generator goes on from a checkpoint, and not before training begins."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import torch

from ssgan.callbacks import GlobalRandomness

TRAINER = SimpleNamespace(strategy=SimpleNamespace(root_device=torch.device("cpu")))


@pytest.fixture(autouse=True)
def own_generator() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        yield


def test_a_resumed_run_draws_on_from_where_the_checkpoint_was_written() -> None:
    torch.manual_seed(5)
    torch.rand(3)
    saved = GlobalRandomness().state_dict()
    expected = torch.rand(4)
    resumed = GlobalRandomness()
    torch.manual_seed(6)
    before = torch.get_rng_state()
    resumed.load_state_dict(saved)
    assert torch.equal(torch.get_rng_state(), before), "what comes before the training may draw too"
    torch.rand(2)
    resumed.on_train_start(TRAINER, None)
    assert torch.equal(torch.rand(4), expected)


def test_it_is_put_back_once_and_a_new_run_is_left_alone() -> None:
    callback = GlobalRandomness()
    torch.manual_seed(5)
    state = torch.get_rng_state()
    callback.on_train_start(TRAINER, None)
    assert torch.equal(torch.get_rng_state(), state)
    callback.load_state_dict(callback.state_dict())
    callback.on_train_start(TRAINER, None)
    torch.rand(3)
    later = torch.get_rng_state()
    callback.on_train_start(TRAINER, None)
    assert torch.equal(torch.get_rng_state(), later)


def test_a_checkpoint_of_a_gpu_s_run_can_be_gone_on_with_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda *_: pytest.fail("there is none"))
    torch.manual_seed(5)
    saved = GlobalRandomness().state_dict() | {"cuda": torch.zeros(16, dtype=torch.uint8)}
    expected = torch.rand(4)
    callback = GlobalRandomness()
    callback.load_state_dict(saved)
    callback.on_train_start(TRAINER, None)
    assert torch.equal(torch.rand(4), expected)
