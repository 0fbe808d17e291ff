"""The form in which optimisers take steps follows the training, wherever their state comes from."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from ssgan.training.optimisers import Adam, adapt, make_optimiser, set_learning_rate
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


def published_adam(gradients: list[np.ndarray], lr: float, betas: tuple[float, float], eps: float, eps_root: float):
    """The formula of the authors' code, step by step in float64, from 0."""
    theta, m, v = (np.zeros(gradients[0].shape) for _ in range(3))
    for t, g in enumerate(gradients, 1):
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        theta = theta - lr * (m / (1 - betas[0] ** t)) / (np.sqrt(v / (1 - betas[1] ** t) + eps_root) + eps)
    return theta


def steps_of(optimiser: torch.optim.Optimizer, gradients: list[np.ndarray]) -> None:
    (parameter,) = optimiser.param_groups[0]["params"]
    for gradient in gradients:
        parameter.grad = torch.tensor(gradient, dtype=parameter.dtype)
        optimiser.step()


# Around the root of 1e-8, where it counts, and one weight that never has a gradient.
GRADIENTS = [g * np.array([0, 1e-6, 1e-4, 1e-3, 1.0]) for g in np.random.default_rng(0).normal(size=(200, 5))]


@pytest.mark.parametrize("fused", [True, None])
@pytest.mark.parametrize(("eps", "eps_root"), [(0.0, 1e-8), (1e-4, 1e-8), (1e-4, 0.0)])
def test_a_constant_under_the_root(eps: float, eps_root: float, fused: bool | None):
    weights = nn.Parameter(torch.zeros(5))
    steps_of(Adam([weights], eps_root, lr=0.01, betas=(0.5, 0.99), eps=eps, fused=fused), GRADIENTS)
    expected = torch.tensor(published_adam(GRADIENTS, 0.01, (0.5, 0.99), eps, eps_root), dtype=torch.float32)
    torch.testing.assert_close(weights.data, expected, rtol=1e-3, atol=1e-7)
    assert weights[0] == 0


@pytest.mark.parametrize("precision", ["32", "16-mixed"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_its_state_is_of_the_kind_that_pytorch_makes(precision: str, dtype: torch.dtype):
    states = []
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        for root in (None, 1e-8):  # without one it is PyTorch that makes it
            part = nn.ParameterList([torch.zeros(5)])
            optimiser = make_optimiser(part, Optim(eps=1e-4, eps_root=root, clip_norm=1.0), precision)
            steps_of(optimiser, GRADIENTS[:1])
            (state,) = optimiser.state.values()
            states.append({key: (value.dtype, value.device, value.shape) for key, value in state.items()})
    finally:
        torch.set_default_dtype(before)
    assert states[0] == states[1]


@pytest.mark.parametrize(("before", "after"), [((1e-4, None), (0.0, 1e-8)), ((0.0, 1e-8), (1e-4, None))])
def test_a_resumed_training_may_have_another_constant(before, after):
    """From there on its steps are those of a training that had it from the start, in these weights."""
    betas = {"beta1": 0.5, "beta2": 0.99}
    old, new = (Optim(eps=eps, eps_root=root, lr=0.01, **betas) for eps, root in (before, after))
    parts = nn.ParameterList([torch.zeros(5)]), nn.ParameterList([torch.zeros(5)])
    resumed, other = (make_optimiser(part, o, "32") for part, o in zip(parts, (old, new), strict=True))
    for optimiser in (resumed, other):
        steps_of(optimiser, GRADIENTS[:50])
    adapt([resumed, other], [new, new], "32", "cpu", in_graph=False)
    moved = []
    for optimiser, (weights,) in zip((resumed, other), parts, strict=True):
        start = weights.data.clone()
        steps_of(optimiser, GRADIENTS[50:100])
        moved.append(weights.data - start)
    torch.testing.assert_close(*moved, rtol=1e-3, atol=1e-6)


def test_a_step_that_overflows_leaves_the_mean_squares_alone():
    weights = nn.Parameter(torch.zeros(2))
    adam = Adam([weights], 1e-8, lr=0.01, eps=0.0, fused=True)
    steps_of(adam, [np.ones(2)])
    before = copy.deepcopy(adam.state_dict()["state"]), weights.data.clone()
    adam.grad_scale, adam.found_inf = torch.tensor(4.0), torch.tensor(1.0)  # as torch.amp.GradScaler sets them
    steps_of(adam, [np.array([np.inf, 1.0])])
    after = adam.state_dict()["state"], weights.data
    torch.testing.assert_close(after, before, rtol=0, atol=0)


def test_a_state_of_pytorch_s_adam_is_taken_up():
    weights = nn.Parameter(torch.zeros(5))
    plain = torch.optim.Adam([weights], lr=0.01, betas=(0.5, 0.99), eps=1e-4)
    steps_of(plain, GRADIENTS[:50])
    ours = make_optimiser(nn.ParameterList([weights]), Optim(), "32")
    ours.load_state_dict(plain.state_dict())
    assert ours.param_groups[0]["eps_root"] == 0


@pytest.mark.parametrize("eps_root", [0.0, 1e-8])
def test_a_closure_computes_the_gradients_first(eps_root: float):
    networks = [nn.Linear(3, 2) for _ in range(2)]
    networks[1].load_state_dict(networks[0].state_dict())
    one, other = (
        Adam([*network.parameters(), nn.Parameter(torch.ones(2))], eps_root, eps=1e-8) for network in networks
    )

    def value(network: nn.Linear, adam: Adam) -> torch.Tensor:
        adam.zero_grad()
        loss = network(torch.ones(4, 3)).square().sum()
        loss.backward()
        return loss

    for _ in range(3):
        loss = value(networks[0], one)
        one.step()
        assert other.step(lambda: value(networks[1], other)) == loss
        for expected, found in zip(networks[0].parameters(), networks[1].parameters(), strict=True):
            assert torch.equal(expected, found)


def test_a_hook_is_called_once_a_step():
    """Also in a process that has made an Adam of PyTorch's own."""
    parameter, calls = nn.Parameter(torch.ones(2)), []
    torch.optim.Adam([parameter])
    adam = Adam([parameter], 1e-8)
    adam.register_step_pre_hook(lambda *_: calls.append("before"))
    adam.register_step_post_hook(lambda *_: calls.append("after"))
    parameter.sum().backward()
    for _ in range(2):
        adam.step()
    assert calls == ["before", "after"] * 2 and adam.state[parameter]["step"] == 2


def test_a_step_without_any_gradient_changes_nothing():
    weights = nn.Parameter(torch.ones(2))
    adam = Adam([weights], 1e-8, lr=0.01, eps=0.0, fused=True)
    adam.step()
    assert weights.tolist() == [1, 1] and not adam.state
