"""The report's numbers: unrounded in its files, and as they are written for readers."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from ssgan.reporting.groups import group
from ssgan.reporting.runs import find_runs
from ssgan.reporting.statistics import PairedDifference, Spread
from ssgan.reporting.tables import counted, each_value, held_out, number, percent, points, summary_rows, write_csv
from tests.reporting.fake_runs import ERRORS, rows, write_results


def test_the_csv_has_every_run_unrounded(report: Path) -> None:
    found = {
        (row["techniques"], row["section"], row["seed"]): float(row["test_error"]) for row in rows(report / "runs.csv")
    }
    sections = {row["run"].startswith("more-"): row["section"] for row in rows(report / "runs.csv")}
    assert len(found) == 8
    for tricks, errors in ERRORS.items():
        for seed, error in enumerate(errors, 1):
            assert found["+".join(tricks), sections[False], str(seed)] == error
            assert found["+".join(tricks), sections[True], str(seed)] == error / 2


def test_the_summary_has_the_known_numbers(report: Path) -> None:
    (row,) = (r for r in rows(report / "summary.csv") if r["techniques"] and float(r["test_error_mean"]) > 0.05)
    assert row["n"] == "2"
    assert float(row["test_error_mean"]) == pytest.approx(0.07)
    assert float(row["test_error_std"]) == pytest.approx(0.02 / 2**0.5)
    assert row["baseline"] == "none"
    assert float(row["difference_mean"]) == pytest.approx(-0.04)
    half = 12.7062 * 0.02  # Student's of two pairs: the 97.5 % quantile with one degree of freedom, the standard error
    assert float(row["difference_low"]) == pytest.approx(-0.04 - half, abs=1e-5)
    assert float(row["difference_high"]) == pytest.approx(-0.04 + half, abs=1e-5)


def test_known_texts() -> None:
    assert percent(Spread(2, 0.0874, 0.03166)) == "8.74 ± 3.17" and percent(Spread(1, 0.5, None)) == "50.00"
    assert points(PairedDifference(3, -0.012, -0.02, 0.004)) == "−1.20 [−2.00, +0.40]"
    assert points(PairedDifference(1, 0.012, None, None)) == "+1.20" and points(None) == ""
    assert [number(value) for value in (1234567.89, 0.04, math.nan)] == ["1,234,567.9", "0.0", ""]
    assert number(3.14159, 3) == "3.142"
    assert [counted(n, "run") for n in (0, 1, 2)] == ["0 runs", "1 run", "2 runs"]


def test_what_there_is_no_value_of_is_an_empty_cell(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", ("a", "b"), [{"a": None, "b": 0.1 + 0.2}, {"a": 'x, "y"', "b": math.inf}])
    assert rows(tmp_path / "a.csv") == [{"a": "", "b": "0.30000000000000004"}, {"a": 'x, "y"', "b": "inf"}]


def test_the_values_of_each_run_are_in_the_order_of_their_seeds(tmp_path: Path) -> None:
    write_results(tmp_path, (0.3125, 0.1, 0.2), val_error=(0.25, 0.35, 0.3), seconds=(1.0, 9.0, 2.0))
    (section,) = group(find_runs([tmp_path])[0])
    (configuration,) = section.configurations
    assert each_value(configuration) == "31.25, 10.00, 20.00" and held_out(configuration) == "30.00"
    configuration.runs[0].result["members"] = [10, 12]
    assert held_out(configuration) == "30.00 (of its members)", "an ensemble has none of its own"
    (row,) = summary_rows([section])
    assert row["test_errors_of_runs"] == "0.3125 0.1 0.2" and row["seconds_median"] == 2.0
    assert row["val_error_mean"] == pytest.approx(0.3) and row["difference_mean"] is None
