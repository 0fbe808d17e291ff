"""Means and paired differences against slow restatements and known numbers."""

from __future__ import annotations

import math
import statistics

import pytest

from ssgan.reporting.statistics import Spread, band, paired_difference


def test_the_std_is_the_sample_std() -> None:
    spread = Spread.of([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0])  # squared deviations sum to 32
    assert (spread.n, spread.mean) == (8, 5.0)
    assert spread.std == pytest.approx(math.sqrt(32 / 7))


def test_a_single_value_has_no_std() -> None:
    assert Spread.of([0.25]) == Spread(1, 0.25, None)


def test_only_splits_that_both_have_are_compared() -> None:
    own = {(1, 1): 0.10, (2, 2): 0.20, (3, 3): 0.90}
    baseline = {(2, 2): 0.15, (1, 1): 0.15, (4, 4): 0.0}
    difference = paired_difference(own, baseline)
    assert difference is not None and difference.n == 2
    assert difference.mean == pytest.approx(0.0)
    assert paired_difference({1: 0.1}, {2: 0.1}) is None


@pytest.mark.parametrize(
    ("differences", "quantile"),  # the 97.5 % quantile of t with n - 1 degrees of freedom, of printed tables
    [([0.00, 0.01, 0.04, 0.12], 3.182), ([0.0] * 5 + [1.0] * 5, 2.262), ([0.0, 0.1, 0.2] * 7, 2.086)],
)
def test_the_interval_is_students(differences: list[float], quantile: float) -> None:
    n, mean = len(differences), statistics.fmean(differences)
    found = paired_difference(dict(enumerate(differences)), dict.fromkeys(range(n), 0.0))
    half = quantile * statistics.stdev(differences) / math.sqrt(n)
    assert found is not None
    assert (found.low, found.high) == (pytest.approx(mean - half, abs=2e-4), pytest.approx(mean + half, abs=2e-4))


def test_small_differences_have_an_interval_as_large_ones_have() -> None:
    differences = [0.00, 0.01, 0.04, 0.12]
    large, small = (
        paired_difference({i: scale * d for i, d in enumerate(differences)}, dict.fromkeys(range(4), 0.0))
        for scale in (1.0, 1e-3)
    )
    assert large is not None and small is not None and large.low is not None and small.low is not None
    assert small.low == pytest.approx(1e-3 * large.low) and small.high == pytest.approx(1e-3 * (large.high or 0.0))


def test_the_interval_is_repeatable_and_narrow_where_the_pairs_agree() -> None:
    own, baseline = {1: 0.5, 2: 0.7, 3: 0.1}, {1: 0.4, 2: 0.6, 3: 0.0}
    difference = paired_difference(own, baseline)
    assert difference == paired_difference(own, baseline)
    assert difference is not None
    assert (difference.low, difference.high) == (pytest.approx(0.1), pytest.approx(0.1))


def test_one_pair_has_no_interval() -> None:
    difference = paired_difference({1: 0.3}, {1: 0.1})
    assert difference is not None and (difference.low, difference.high) == (None, None)


def test_a_band_is_over_the_steps_that_all_runs_have() -> None:
    rows = band([{10: 1.0, 20: 2.0, 30: 9.0}, {10: 3.0, 20: 2.0}])
    assert rows == [(10, 2.0, pytest.approx(math.sqrt(2))), (20, 2.0, 0.0)]


def test_a_long_band_is_thinned_and_keeps_its_end() -> None:
    rows = band([{step: 1.0 / step for step in range(1, 10_001)}])
    assert len(rows) <= 150
    assert rows[-1] == (10_000, 1e-4, 0.0)
    assert [step for step, _, _ in rows] == sorted(step for step, _, _ in rows)


def test_a_band_leaves_out_what_is_not_finite() -> None:
    assert band([{1: math.nan, 2: 1.0, 3: math.inf}]) == [(2, 1.0, 0.0)]
    assert band([]) == []
