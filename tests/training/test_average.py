"""The exponential average of weights: its rate and its recursion."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ssgan.errors import ConfigError
from ssgan.layers import WeightNormLinear
from ssgan.training.average import WeightAverage, average_rate
from ssgan.training_options import Average


def network():
    return nn.Sequential(WeightNormLinear(3, 2), nn.ReLU(), WeightNormLinear(2, 2, trainable_gain=True))


def move(module, seed):
    """Give every parameter a new value."""
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(torch.randn(p.shape, generator=rng))


def test_the_average_is_the_recursion_over_the_parameters():
    live, rates = network(), [0.9, 0.3, 0.05, 1e-4]
    average = WeightAverage(live)
    expected = {name: p.detach().double() for name, p in live.named_parameters()}
    for seed, rate in enumerate(rates):
        move(live, seed)
        average.following(live)(rate)
        expected = {name: (1 - rate) * expected[name] + rate * p.double() for name, p in live.named_parameters()}
    for name, p in average.network.named_parameters():
        torch.testing.assert_close(p.double(), expected[name].detach(), rtol=1e-5, atol=1e-6)


def test_a_thousand_small_steps_do_not_drift():
    live = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(live.weight)
    average = WeightAverage(live)
    nn.init.ones_(live.weight)
    for _ in range(1000):
        average.following(live)(1e-3)
    assert average.network.weight.item() == pytest.approx(1 - (1 - 1e-3) ** 1000, rel=1e-4)


def test_rate_one_follows_and_rate_zero_stays():
    live = network()
    average = WeightAverage(live)
    start = [p.clone() for p in average.network.parameters()]
    move(live, 0)
    average.following(live)(0.0)
    torch.testing.assert_close(list(average.network.parameters()), start)
    average.following(live)(1.0)
    torch.testing.assert_close(list(average.network.parameters()), list(live.parameters()))


def test_frozen_gains_are_copied_and_the_live_network_is_left_alone():
    live = network()
    live[0].gain.fill_(3.0)
    average = WeightAverage(live)
    move(live, 0)
    before = {name: value.clone() for name, value in live.state_dict().items()}
    average.following(live)(0.5)
    assert torch.equal(average.network[0].gain, torch.full((2,), 3.0))
    torch.testing.assert_close(live.state_dict(), before, rtol=0, atol=0)
    assert not any(p.requires_grad for p in average.parameters()) and all(p.requires_grad for p in live.parameters())
    assert not {p.data_ptr() for p in live.parameters()} & {p.data_ptr() for p in average.parameters()}


def test_a_buffer_that_a_layer_replaces_is_copied_from_then_on():
    live = network()
    average = WeightAverage(live)
    follow = average.following(live)
    for value in (2.0, 3.0):
        live[0].gain = torch.full((2,), value)
        follow(0.5)
        assert torch.equal(average.network[0].gain, live[0].gain) and average.network[0].gain is not live[0].gain


def test_state_round_trip():
    saved, fresh = WeightAverage(network()), WeightAverage(network())
    fresh.load_state_dict(saved.state_dict())
    x = torch.randn(4, 3)
    assert torch.equal(fresh.network(x), saved.network(x))


@pytest.mark.parametrize("half_life", [1.0, 50.0, 6931.0])
def test_after_its_half_life_the_start_weighs_one_half(half_life):
    rate = average_rate(Average(rate=None, half_life=half_life, warmup=False), 0)
    assert (1 - rate) ** half_life == pytest.approx(0.5)


@pytest.mark.parametrize("updates", [0, 1, 10, 10**6])
def test_without_warmup_the_rate_is_constant(updates):
    assert average_rate(Average(rate=1e-4, warmup=False), updates) == 1e-4


def test_warmup_is_nine_over_ten_plus_t_until_the_rate_is_larger():
    options = Average(rate=1e-2, warmup=True)
    for updates in (0, 1, 5, 100, 889):
        assert average_rate(options, updates) == pytest.approx(9 / (10 + updates)) and 9 / (10 + updates) > 1e-2
    for updates in (891, 10**6):
        assert average_rate(options, updates) == 1e-2


@pytest.mark.parametrize("options", [Average(rate=1e-3, warmup=False), Average(rate=None, half_life=700, warmup=False)])
def test_a_run_of_a_fifth_of_the_length_forgets_as_much_of_its_start(options):
    whole, short = (1 - average_rate(options, 0)) ** 5000, (1 - average_rate(options, 0, length=0.2)) ** 1000
    assert short == pytest.approx(whole, rel=0.02)
    for length in (0.2, 1.0, 3.0):
        assert average_rate(Average(rate=1.0, warmup=False), 10**6, length) == 1.0


def test_warmup_forgets_the_start():
    """Π (1 − 9/(10 + t)) over the first thousand updates is below a millionth; without warmup 90 % are left."""
    left = {True: 1.0, False: 1.0}
    for warmup in left:
        for t in range(1000):
            left[warmup] *= 1 - average_rate(Average(rate=1e-4, warmup=warmup), t)
    assert left[True] < 1e-6 and left[False] == pytest.approx(0.905, abs=1e-3)


@pytest.mark.parametrize("options", [{"rate": 1e-4, "half_life": 10.0}, {"rate": None}])
def test_exactly_one_of_rate_and_half_life_is_given(options):
    with pytest.raises(ConfigError) as error:
        Average(**options)
    assert "rate" in str(error.value) and "half_life" in str(error.value) and "\n" not in str(error.value)


def test_however_short_the_training_the_average_does_not_overshoot():
    assert average_rate(Average(rate=0.1), 10**6, length=0.05) == 1.0
    assert average_rate(Average(rate=0.1), 10**6, length=0.5) == pytest.approx(0.2)
