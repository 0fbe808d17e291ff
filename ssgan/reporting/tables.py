"""The report's numbers as rows, and as files of them."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ssgan.reporting.groups import Configuration, Section
from ssgan.reporting.statistics import PairedDifference, Spread

RUN_COLUMNS = (
    "section",
    "configuration",
    "techniques",
    "data_seed",
    "seed",
    "test_error",
    "test_errors",
    "test_size",
    "val_error",
    "iterations",
    "seconds",
    "iterations_per_second",
    "hardware",
    "torch",
    "run",
)
SUMMARY_COLUMNS = (
    "section",
    "configuration",
    "techniques",
    "n",
    "test_error_mean",
    "test_error_std",
    "test_errors_of_runs",
    "val_error_mean",
    "baseline",
    "difference_n",
    "difference_mean",
    "difference_low",
    "difference_high",
    "seconds_median",
    "iterations_per_second_median",
)


def run_rows(sections: Sequence[Section]) -> list[dict[str, Any]]:
    """One row for each run of each section (a supervised run may be in several), with fractions unrounded."""
    rows = []
    for number, section in enumerate(sections, 1):
        for configuration in section.configurations:
            for run in configuration.runs:
                kept = {key: run.result.get(key, "") for key in RUN_COLUMNS}
                versions = run.result.get("versions", {})
                rows.append(
                    kept
                    | {"section": number, "configuration": configuration.name, "techniques": "+".join(run.tricks)}
                    | {"torch": versions.get("torch", ""), "run": run.name}
                )
    return rows


def summary_rows(sections: Sequence[Section]) -> list[dict[str, Any]]:
    """One row for each configuration, with fractions unrounded and nothing where there is no value."""
    rows = []
    for number, section in enumerate(sections, 1):
        for c in section.configurations:
            d = c.difference
            values = (
                number,
                c.name,
                "+".join(c.tricks),
                c.spread.n,
                c.spread.mean,
                c.spread.std,
                " ".join(f"{error:.6g}" for error in c.errors.values()),
                c.val_error,
                section.baseline,
                *((d.n, d.mean, d.low, d.high) if d else (None,) * 4),
                c.median("seconds"),
                c.median("iterations_per_second"),
            )
            rows.append(dict(zip(SUMMARY_COLUMNS, values, strict=True)))
    return rows


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    """Write rows; None becomes an empty cell."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def percent(spread: Spread) -> str:
    """``8.74 ± 3.17``, or the bare value of a single run."""
    return f"{100 * spread.mean:.2f}" + (f" ± {100 * spread.std:.2f}" if spread.std is not None else "")


def points(difference: PairedDifference | None) -> str:
    """``−1.20 [−2.00, −0.40]`` in percentage points."""
    if difference is None:
        return ""
    text = _signed(difference.mean)
    if difference.low is not None and difference.high is not None:
        text += f" [{_signed(difference.low)}, {_signed(difference.high)}]"
    return text


def held_out(configuration: Configuration) -> str:
    """The mean error on held-out labels in percent; nothing where there is none.

    An ensemble's members each have held-out images of their own, so it has no error of its own on them, but theirs.
    """
    if configuration.val_error is None:
        return ""
    of_members = any("members" in run.result for run in configuration.runs)
    return f"{100 * configuration.val_error:.2f}{' (of its members)' if of_members else ''}"


def _signed(fraction: float) -> str:
    return f"{100 * fraction:+.2f}".replace("-", "−")


def number(value: float, digits: int = 1) -> str:
    """A number for a table; nothing where there is none."""
    return "" if math.isnan(value) else f"{value:,.{digits}f}"


def counted(n: int, word: str) -> str:
    """``1 run``, ``2 runs``."""
    return f"{n} {word}" + ("" if n == 1 else "s")


def each_value(configuration: Configuration) -> str:
    """Each run's error in percent, in the order of the seeds."""
    return ", ".join(f"{100 * error:.2f}" for error in configuration.errors.values())
