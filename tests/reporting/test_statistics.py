"""Means and paired differences against slow restatements and known numbers."""

from __future__ import annotations

import itertools
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


def test_the_interval_of_few_pairs_is_students() -> None:
    differences = [0.00, 0.01, 0.04, 0.12]
    found = paired_difference(dict(enumerate(differences)), dict.fromkeys(range(4), 0.0))
    half = 3.182446 * statistics.stdev(differences) / math.sqrt(4)  # 97.5 % quantile of t with 3 degrees of freedom
    assert found is not None and (found.low, found.high) == (pytest.approx(0.0425 - half), pytest.approx(0.0425 + half))


def test_the_interval_of_many_pairs_is_the_bootstraps() -> None:
    """Of ten pairs that are 0 or 1, the mean of a resample is binomial: five ones of ten give the 2.5 % quantiles."""
    differences = [0.0] * 5 + [1.0] * 5
    found = paired_difference(dict(enumerate(differences)), dict.fromkeys(range(10), 0.0))
    below = list(itertools.accumulate(math.comb(10, ones) / 2**10 for ones in range(11)))
    low, high = (next(ones / 10 for ones, p in enumerate(below) if p >= level) for level in (0.025, 0.975))
    assert found is not None and (found.low, found.high) == (low, high)


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
