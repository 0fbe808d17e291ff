"""The options of training: what follows from them, and which do not go together."""

from __future__ import annotations

import pytest

from ssgan.errors import ConfigError
from ssgan.training_options import Average, Objective, Optim, RunOptions, TrainerOptions


def test_the_rate_stops_to_fall_at_its_floor():
    optim = Optim(flat=0.5, lr_floor=0.1)
    assert [optim.lr_factor(done) for done in (0.5, 0.7, 0.94, 0.96, 1.0)] == pytest.approx([1, 0.6, 0.12, 0.1, 0.1])


def test_the_generators_own_rate_and_momentum():
    optim = Optim(lr=3e-4, generator_lr_factor=0.5, generator_beta1=0.0)
    d, g = optim.for_player("discriminator"), optim.for_player("generator")
    assert (d.lr, d.beta1) == (3e-4, 0.5) and (g.lr, g.beta1) == (1.5e-4, 0.0)
    assert (g.beta2, g.eps, g.flat) == (d.beta2, d.eps, d.flat)
    same = Optim(lr=3e-4)
    assert (same.for_player("generator").lr, same.for_player("generator").beta1) == (3e-4, 0.5)


@pytest.mark.parametrize(
    ("trainer", "several"),
    [
        ({}, False),
        ({"devices": [3]}, False),
        ({"devices": "1"}, False),
        ({"strategy": "ddp"}, True),
        ({"devices": 2}, True),
        ({"devices": "auto"}, True),
        ({"devices": [0, 1]}, True),
        ({"num_nodes": 2}, True),
    ],
)
def test_several_devices_are_several_processes_said_or_not(trainer: dict, several: bool) -> None:
    assert TrainerOptions(**trainer).strategy == ("ddp" if several else "auto")


def test_an_objective_of_nothing_is_refused() -> None:
    Objective(labelled_weight=0)
    Objective(unlabelled_weight=0)
    with pytest.raises(ConfigError, match="both 0: D learns nothing"):
        Objective(labelled_weight=0, unlabelled_weight=0)


def test_the_last_members_seed_has_a_limit_too() -> None:
    RunOptions(seed=2**32 - 2, ensemble=2)
    with pytest.raises(ConfigError, match=r"last member's seed=4294967296: must be from 0 to 4294967295"):
        RunOptions(seed=2**32 - 1, ensemble=2)


@pytest.mark.parametrize("number", [1, 0, -2])
def test_too_small_an_ensemble_is_refused(number: int) -> None:
    with pytest.raises(ConfigError, match=rf"ensemble={number}: must be 2 or more members"):
        RunOptions(ensemble=number)


@pytest.mark.parametrize("interval", ["epoch", "iteration"])
@pytest.mark.parametrize(("flat", "floor"), [(1.0, 0.0), (0.0, 0.0), (0.5, 0.0), (0.75, 0.2)])
def test_the_rate_of_each_iteration(interval: str, flat: float, floor: float) -> None:
    """12 iterations in epochs of 4: where it changes with the epochs, it is that of the epoch's first."""
    optim = Optim(lr=0.5, flat=flat, lr_floor=floor, interval=interval)
    for iteration in range(12):
        done = {"epoch": (iteration // 4) / 3, "iteration": iteration / 12}[interval]
        factor = 1.0 if done <= flat else max(floor, 1 - (done - flat) / (1 - flat))
        assert optim.lr_at(iteration, 4, 12) == pytest.approx(0.5 * factor), iteration


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cuda_graphs": True, "precision": "16-mixed"}, "does not go with trainer.precision=16-mixed"),
        ({"cuda_graphs": True, "devices": 2}, "takes one device"),
        ({"cuda_graphs": True, "num_nodes": 2}, "takes one device"),
        ({"cuda_graphs": True, "strategy": "ddp"}, "takes one device and trainer.strategy=auto"),
        (
            {"iterations_per_batch": 7, "eval_every": 14, "max_iterations": 20},
            "does not divide trainer.max_iterations=20",
        ),
        ({"iterations_per_batch": 7, "eval_every": 20}, "not divide trainer.eval_every=20"),
    ],
)
def test_what_does_not_go_together_is_refused(options: dict, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        TrainerOptions(**options)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_what_goes_together_is_not() -> None:
    TrainerOptions(cuda_graphs=True, precision="bf16-mixed", devices=[3])
    TrainerOptions(iterations_per_batch=7, eval_every=14, max_iterations=21)


@pytest.mark.parametrize(
    ("rate", "half_life", "valid"), [(0.1, None, True), (None, 30.0, True), (None, None, False), (0.1, 30.0, False)]
)
def test_an_average_has_a_rate_or_a_half_life(rate: float | None, half_life: float | None, valid: bool) -> None:
    if valid:
        Average(rate, half_life)
        return
    with pytest.raises(ConfigError, match="give one of"):
        Average(rate, half_life)
