"""Penalties on parameters: an ensemble's members have what each would have alone; no history has a gradient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

import ssgan.training.members
from ssgan.training.members import ONE, Members, stack_networks, unstack_network
from ssgan.training.penalties import ParameterPenalties
from ssgan.tricks import Trick, TrickSet
from ssgan.tricks.historical_averaging import HistoricalAveraging


class Norms(nn.Module):
    """Distance of the parameters' norms from running means: one number a parameter, and one of all at the start."""

    norms: Tensor
    start: Tensor

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        super().__init__()
        self.register_buffer("norms", self.of(parameters).detach())
        self.register_buffer("start", self.of(parameters).detach().sum())

    @staticmethod
    def of(parameters: Sequence[Tensor]) -> Tensor:
        return torch.stack([p.square().sum() for p in parameters])

    def forward(self, parameters: Sequence[Tensor]) -> Tensor:
        now = self.of(parameters)
        return (now - self.norms).square().sum() + (now.sum() / self.start - 1).square()

    def update(self, parameters: Sequence[Tensor]) -> None:
        """Without a guard against gradients, as someone's own may be."""
        self.norms.mul_(0.75).add_(0.25 * self.of(parameters))


@dataclass
class KeepNorms(Trick):
    def parameter_penalty(self, parameters: Sequence[Tensor]) -> nn.Module:
        return Norms(parameters)


TRICKS = TrickSet({"norms": KeepNorms(), "history": HistoricalAveraging(weight=0.5)})


def moved(network: nn.Module, step: int, i: int) -> None:
    """Change the parameters as no other step and member does."""
    with torch.no_grad():
        for number, p in enumerate(network.parameters()):
            p.add_(0.1 * (step + 1) * (i + 1) + 0.01 * number)


@pytest.mark.filterwarnings("error")  # such as of operations that vmap does for one member after the other
@pytest.mark.parametrize("cache", [0, 2**20], ids=["in turn", "stacked"])
def test_each_member_has_its_own_state(cache: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssgan.training.members, "CACHE_BYTES", cache)
    torch.manual_seed(0)
    networks = [nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2)) for _ in range(3)]
    stacked = stack_networks(networks)
    together = ParameterPenalties(TRICKS, stacked, Members(3))
    alone = [ParameterPenalties(TRICKS, network, ONE) for network in networks]
    for step in range(4):
        for i, network in enumerate(networks):
            moved(network, step, i)
        with torch.no_grad():
            for whole, *each in zip(stacked.parameters(), *(n.parameters() for n in networks), strict=True):
                whole.copy_(torch.stack(each))
        expected = [each.terms(network) for each, network in zip(alone, networks, strict=True)]
        found = together.terms(stacked)
        assert list(found) == ["history", "norms"]
        for name, values in found.items():
            assert torch.allclose(values, torch.stack([terms[name] for terms in expected]), rtol=1e-5)
        for each, network in zip(alone, networks, strict=True):
            each.follow(network)
        together.follow(stacked)
    for i, each in enumerate(alone):
        member = dict(unstack_network(together, i).named_buffers())
        assert all(torch.allclose(member[name].float(), b.float(), rtol=1e-5) for name, b in each.named_buffers())
        assert member.keys() == dict(each.named_buffers()).keys()


def test_the_history_has_no_gradient() -> None:
    network = nn.Linear(2, 2)
    penalties = ParameterPenalties(TRICKS, network, ONE)
    for step in range(3):
        moved(network, step, 0)
        penalties.follow(network)
    assert not any(buffer.requires_grad for buffer in penalties.buffers())
    moved(network, 3, 0)
    network.zero_grad()
    penalties.terms(network)["norms"].backward()
    norms: Norms = penalties["norms"]  # type: ignore[assignment]
    for number, p in enumerate(network.parameters()):
        now = [q.detach().square().sum() for q in network.parameters()]
        pull = 4 * (now[number] - norms.norms[number]) + 4 * (sum(now) / norms.start - 1) / norms.start
        assert torch.allclose(p.grad, pull * p.detach(), rtol=1e-5)  # type: ignore[arg-type]
