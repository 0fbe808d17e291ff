"""The form in which optimisers take steps follows the training, wherever their state comes from."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from ssgan.training.optimisers import adapt, make_optimiser, set_learning_rate
from ssgan.training_options import Optim


def after_a_step(precision: str, clip_norm: float | None = 1.0) -> tuple[nn.Linear, torch.optim.Optimizer]:
    """A network and its optimiser, which has state."""
    torch.manual_seed(0)
    network = nn.Linear(3, 2)
    optimiser = make_optimiser(network, Optim(clip_norm=clip_norm), precision)
    network(torch.ones(4, 3)).square().sum().backward()
    optimiser.step()
    return network, optimiser


@pytest.mark.parametrize("saved", ["32", "bf16-mixed", "16-mixed"])
@pytest.mark.parametrize(
    ("precision", "clip_norm", "in_graph", "fused", "place"),
    [
        ("32", 1.0, False, True, "meta"),
        ("bf16-mixed", None, True, True, "meta"),
        ("16-mixed", None, False, True, "meta"),
        ("16-mixed", 1.0, False, None, "cpu"),
    ],
)
def test_counters_of_steps_lie_where_the_steps_read_them(saved, precision, clip_norm, in_graph, fused, place):
    """The device is a stand-in, ``meta``; the fused step on a GPU reads the counters there, the others on the host."""
    _, optimiser = after_a_step(saved)
    adapt([optimiser], [Optim(clip_norm=clip_norm)], precision, "meta", in_graph=in_graph)
    (group,) = optimiser.param_groups
    assert group["fused"] is fused and group["capturable"] is in_graph
    assert {state["step"].device.type for state in optimiser.state.values()} == {place}
    assert isinstance(group["lr"], torch.Tensor) is in_graph


@pytest.mark.parametrize(("saved", "precision"), [("32", "16-mixed"), ("16-mixed", "32"), ("32", "bf16-mixed")])
def test_a_state_saved_in_another_precision_goes_on(saved: str, precision: str):
    clipped = Optim(clip_norm=1.0)  # with which float16 takes steps of another form
    network, optimiser = after_a_step(saved)
    other = copy.deepcopy(network)
    resumed = make_optimiser(other, clipped, precision)
    resumed.load_state_dict(copy.deepcopy(optimiser.state_dict()))
    adapt([resumed], [clipped], precision, "cpu", in_graph=False)
    for players, adam in ((network, optimiser), (other, resumed)):
        adam.zero_grad()
        players(torch.ones(4, 3)).sum().backward()
        adam.step()
    for expected, found in zip(network.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(found, expected)
    assert all(state["step"].item() == 2 for state in resumed.state.values())


def test_the_options_of_today_outrank_those_of_a_saved_state():
    _, optimiser = after_a_step("32")
    adapt([optimiser], [Optim(beta1=0.1, beta2=0.2, eps=0.3)], "32", "cpu", in_graph=False)
    (group,) = optimiser.param_groups
    assert group["betas"] == (0.1, 0.2) and group["eps"] == 0.3


def test_the_learning_rate_is_set_in_place_where_it_is_a_tensor():
    _, optimiser = after_a_step("32")
    set_learning_rate([optimiser], [0.25])
    assert optimiser.param_groups[0]["lr"] == 0.25
    adapt([optimiser], [Optim()], "32", "cpu", in_graph=True)
    lr = optimiser.param_groups[0]["lr"]
    set_learning_rate([optimiser], [0.5])
    assert optimiser.param_groups[0]["lr"] is lr and lr.item() == 0.5


def test_a_gpu_s_steps_have_the_learning_rate_that_a_cuda_graph_reads():
    """``meta`` stands for the GPU."""
    for device, expected in (("cpu", 0.1), ("meta", float(np.float32(0.1)))):
        optimiser = make_optimiser(nn.Linear(3, 2, device=device), Optim(), "32")
        set_learning_rate([optimiser], [0.1])
        assert optimiser.param_groups[0]["lr"] == expected
    assert torch.tensor(0.1).item() == expected != 0.1
