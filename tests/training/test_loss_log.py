"""The record of the terms between two rows of the log."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from ssgan.errors import TrainingDiverged
from ssgan.training.loss_log import LossLog, row_of


class OneProcess:
    """A strategy of a single process."""

    def reduce(self, tensor, reduce_op):
        assert reduce_op == "mean"
        return tensor


class TwoProcesses:
    """A strategy whose other process has recorded ``other``."""

    def __init__(self, other):
        self.other = other

    def reduce(self, tensor, reduce_op):
        assert reduce_op == "mean"
        return (tensor + self.other) / 2


def terms(labelled, unlabelled, adversarial):
    """An iteration with one step of each player."""
    d = {"labelled": torch.tensor(labelled), "unlabelled": torch.tensor(unlabelled)}
    return {"d": [d], "g": [{"adversarial": torch.tensor(adversarial)}]}


def filled(*rows):
    history = LossLog(10)
    for row in rows:
        history.append(*row_of(terms(*row)))
    return history


def test_a_flush_gives_the_means_of_the_terms_and_their_sum_for_each_player():
    history = filled((1.0, 10.0, -2.0), (3.0, 20.0, -5.0))
    assert history.flush(2, OneProcess()) == pytest.approx(
        {
            "train/d_loss": 17.0,
            "train/g_loss": -3.5,
            "train/d_labelled": 2.0,
            "train/d_unlabelled": 15.0,
            "train/g_adversarial": -3.5,
        }
    )


def test_a_term_that_an_iteration_lacks_is_0_there():
    """Whatever comes first, and also where their number stays the same; the sum is the mean cost."""
    history = LossLog(10)
    for names, values in (("ab", [1.0, 2.0]), ("a", [3.0]), ("ac", [5.0, 60.0]), ("b", [8.0])):
        history.append([f"d_{name}" for name in names], torch.tensor(values))
    means = history.flush(4, OneProcess())
    expected = {"train/d_a": 9 / 4, "train/d_b": 10 / 4, "train/d_c": 60 / 4, "train/d_loss": (3 + 3 + 65 + 8) / 4}
    assert means == pytest.approx(expected)
    history.append(["d_c"], torch.tensor([7.0]))
    assert history.flush(5, OneProcess()) == {"train/d_loss": 7, "train/d_c": 7}, "those of before are forgotten"


def test_a_term_that_a_step_lacks_is_0_there():
    one, two = torch.tensor(1.0), torch.tensor(2.0)
    names, row = row_of({"d": [{"a": one, "b": two}, {"a": two}], "g": [{}, {"late": one}]})
    assert dict(zip(names, row.tolist(), strict=True)) == {"d_a": 1.5, "d_b": 1.0, "g_late": 0.5}


def test_terms_of_members_that_come_and_go_are_told_by_name_when_one_is_not_finite():
    history = LossLog(10)
    history.append(["d_a"], torch.ones(1, 2))
    history.append(["g_b", "d_a"], torch.tensor([[1.0, math.nan], [1.0, 1.0]]))
    with pytest.raises(TrainingDiverged, match=r"the generator's term 'b' of member 2 is nan at iteration 2"):
        history.flush(2, OneProcess())


def test_a_flush_forgets():
    history = filled((1.0, 10.0, -2.0))
    history.flush(1, OneProcess())
    assert history.flush(1, OneProcess()) == {}
    history.append(*row_of(terms(5.0, 6.0, 7.0)))
    assert history.flush(2, OneProcess())["train/d_loss"] == pytest.approx(11)


def test_a_check_does_not_forget():
    history = filled((1.0, 10.0, -2.0), (3.0, 20.0, -5.0))
    torch.testing.assert_close(
        history.check(2, OneProcess()), torch.tensor([[1.0, 10.0, -2.0], [3.0, 20.0, -5.0]]), rtol=0, atol=0
    )
    assert history.flush(2, OneProcess())["train/d_labelled"] == pytest.approx(2)
    assert LossLog(10).check(0, OneProcess()) is None


def test_several_steps_of_a_player_are_averaged():
    history = LossLog(10)
    d_steps = [{"labelled": torch.tensor(x)} for x in (1.0, 2.0, 6.0)]
    history.append(*row_of({"d": d_steps, "g": [{"penalty": torch.tensor(1.0)}]}))
    assert history.flush(1, OneProcess()) == pytest.approx(
        {"train/d_loss": 3.0, "train/g_loss": 1.0, "train/d_labelled": 3.0, "train/g_penalty": 1.0}
    )


def test_a_player_without_steps_has_no_loss():
    history = LossLog(10)
    history.append(*row_of({"d": [{"labelled": torch.tensor(2.0)}], "g": []}))
    assert history.flush(1, OneProcess()) == {"train/d_loss": 2.0, "train/d_labelled": 2.0}


def test_means_are_taken_over_processes():
    other = torch.tensor([[3.0, 30.0, 0.0]])
    means = filled((1.0, 10.0, -2.0)).flush(1, TwoProcesses(other))
    assert means["train/d_loss"] == pytest.approx(22) and means["train/g_loss"] == pytest.approx(-1)


@pytest.mark.parametrize(("half", "low", "high"), [(torch.bfloat16, 256, 258), (torch.float16, 2048, 2050)])
def test_half_precision_terms_are_averaged_in_float32(half, low, high):
    """The mean of two neighbours of a half precision is not one of its numbers."""
    steps = [{"labelled": torch.tensor(value, dtype=half)} for value in (low, high)]
    in_one, in_two = LossLog(10), LossLog(10)
    in_one.append(*row_of({"d": steps, "g": []}))
    for step in steps:
        in_two.append(*row_of({"d": [step], "g": []}))
    for history in (in_one, in_two):
        assert history.flush(2, OneProcess())["train/d_loss"] == (low + high) / 2


BAD = [
    (1, (1.0, math.nan, 1.0), "the discriminator's term 'unlabelled' is nan at iteration 105"),
    (2, (1.0, 1.0, math.inf), "the generator's term 'adversarial' is inf at iteration 106"),
    (0, (-math.inf, 1.0, math.nan), "the discriminator's term 'labelled' is -inf at iteration 104"),
]


@pytest.mark.parametrize(("position", "row", "message"), BAD)
@pytest.mark.parametrize("method", ["flush", "check"])
def test_the_first_term_that_is_not_finite_is_named_with_its_iteration(position, row, message, method):
    rows = [(1.0, 2.0, 3.0)] * 4
    rows[position] = row
    rows[3] = (math.nan, math.nan, math.nan)  # later: must not be the one that is named
    with pytest.raises(TrainingDiverged) as error:
        getattr(filled(*rows), method)(107, OneProcess())
    assert str(error.value).startswith(message) and "\n" not in str(error.value)


def test_another_process_that_diverged_is_seen():
    with pytest.raises(TrainingDiverged, match="term 'unlabelled' is nan at iteration 1"):
        filled((1.0, 10.0, -2.0)).check(1, TwoProcesses(torch.tensor([[1.0, math.nan, 1.0]])))


def test_a_term_name_with_an_underscore_is_named_whole():
    history = LossLog(10)
    history.append(*row_of({"d": [], "g": [{"feature_matching": torch.tensor(math.nan)}]}))
    with pytest.raises(TrainingDiverged, match="the generator's term 'feature_matching' is nan"):
        history.check(1, OneProcess())


@pytest.mark.parametrize("rows", [0, 2])
def test_state_round_trip(rows):
    history = filled(*[(1.0, 10.0, -2.0), (3.0, 20.0, -5.0)][:rows])
    resumed = LossLog(10)
    resumed.load(history.state(1, OneProcess()))
    for h in (history, resumed):
        h.append(*row_of(terms(8.0, 0.0, 1.0)))
    assert resumed.flush(9, OneProcess()) == history.flush(9, OneProcess())


def test_a_record_loaded_on_the_cpu_goes_on_on_another_device():
    """The state is saved on the CPU; the terms of the resumed run lie on its device (here ``meta``)."""
    seen = []

    class OnMeta:
        def reduce(self, tensor, reduce_op):
            seen.append((tensor.device.type, tuple(tensor.shape)))
            return torch.zeros(tensor.shape)

    resumed = LossLog(10)
    resumed.load(filled((1.0, 10.0, -2.0)).state(1, OneProcess()), device="meta")
    zero = torch.zeros((), device="meta")
    resumed.append(*row_of({"d": [{"labelled": zero, "unlabelled": zero}], "g": [{"adversarial": zero}]}))
    resumed.check(2, OnMeta())
    assert seen == [("meta", (2, 3))]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_parameters_that_are_not_finite_are_named_by_player(value):
    players = {"discriminator": nn.Linear(2, 2), "generator": nn.Linear(2, 2)}
    history = LossLog(10)
    history.check_parameters(7, players)
    with torch.no_grad():
        players["generator"].bias[1] = value
    with pytest.raises(TrainingDiverged, match="the generator has parameters that are not finite after iteration 7"):
        history.check_parameters(7, players)
