"""Gradients averaged over processes; that a whole training is that of one process is in test_ddp_equals_one.py."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
import torch.distributed
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy
from torch import Tensor, nn

from ssgan.errors import ConfigError
from ssgan.layers import WHOLE, Share
from ssgan.training.shared_gradients import PlayersDDP, average_gradients, check_strategy


def gradients(seed: int) -> list[Tensor | None]:
    """Of one process: of several shapes and layouts, one of them for a parameter that was not used."""
    torch.manual_seed(seed)
    return [torch.randn(3, 2), None, torch.randn(2, 4, 3, 3).to(memory_format=torch.channels_last), torch.randn(())]


def parameters(values: list[Tensor | None]) -> list[nn.Parameter]:
    made = [nn.Parameter(torch.zeros(()) if g is None else torch.zeros_like(g)) for g in values]
    for parameter, gradient in zip(made, values, strict=True):
        parameter.grad = gradient
    return made


def test_each_gradient_becomes_the_mean_of_the_processes_by_one_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    others = torch.cat([g.reshape(-1) for g in gradients(2) if g is not None])
    sums: list[int] = []

    def all_reduce(flat: Tensor) -> None:
        sums.append(flat.numel())
        flat += others

    monkeypatch.setattr(torch.distributed, "all_reduce", all_reduce)
    ours = parameters(gradients(1))
    average_gradients(ours, Share(0, 2))
    for parameter, one, two in zip(ours, gradients(1), gradients(2), strict=True):
        if one is None or two is None:
            assert parameter.grad is None
        else:
            torch.testing.assert_close(parameter.grad, (one + two) / 2)
    assert sums == [6 + 72 + 1]


def test_a_strategy_that_averages_by_itself_is_refused_where_there_are_several_processes() -> None:
    for strategy, processes in ((PlayersDDP(), 2), (DDPStrategy(), 1), (SingleDeviceStrategy(), 1)):
        check_strategy(SimpleNamespace(strategy=strategy, world_size=processes))
    with pytest.raises(ConfigError, match=r"2 processes cannot train with DDPStrategy: .*PlayersDDP"):
        check_strategy(SimpleNamespace(strategy=DDPStrategy(), world_size=2))


def test_one_process_keeps_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.distributed, "all_reduce")
    ours = parameters(gradients(1))
    average_gradients(ours, WHOLE)
    assert ours[0].grad is not None and torch.equal(ours[0].grad, gradients(1)[0])  # type: ignore[arg-type]


def test_all_begin_with_the_networks_of_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    first = [torch.full((2, 3, 3, 3), 1.5), torch.full((2,), 2.5), torch.tensor(7)]
    sent = iter(first)

    def broadcast(tensor: Tensor, source: int) -> None:
        assert source == 0 and tensor.is_contiguous()
        tensor.copy_(next(sent))

    monkeypatch.setattr(torch.distributed, "broadcast", broadcast)
    network = nn.Conv2d(3, 2, 3).to(memory_format=torch.channels_last)
    network.register_buffer("count", torch.tensor(0))
    strategy = PlayersDDP()
    strategy._model = network  # type: ignore[attr-defined]
    strategy.configure_ddp()
    found = [network.weight, network.bias, network.count]
    assert all(torch.equal(tensor, value) for tensor, value in zip(found, first, strict=True))
    assert network.weight.is_contiguous(memory_format=torch.channels_last), "their layout stays"
