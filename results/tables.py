"""Write the tables of RESULTS.md from the results kept here: ``python -m results.tables``.

``tables.yaml`` names the rows and their files; nothing in a table is typed by hand but names, commands, published
figures and why something was not run. The text around the tables is RESULTS.md's own.
"""

from __future__ import annotations

import csv
import json
import re
import statistics
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

HERE = Path(__file__).parent
PAGE = HERE.parent / "RESULTS.md"
COLUMNS = ("", "ours", "n", "each split", "labels alone", "published", "steps", "seconds", "hardware")


def load(files: list[str], **wanted: Any) -> list[dict[str, Any]]:
    """The results in files, in the order of their splits; of those only the ones that have the wanted values."""
    found = []
    for file in files:
        held = read_report(HERE / file) if file.endswith(".csv") else json.loads((HERE / file).read_text())
        found += held if isinstance(held, list) else [held]
    chosen = [r for r in found if all(r[key] == value for key, value in wanted.items() if value is not None)]
    return sorted(chosen, key=lambda result: result["data_seed"])


def read_report(file: Path) -> list[dict[str, Any]]:
    """The runs of a report's runs.csv in the form of result.json, as far as it holds them."""
    whole = ("data_seed", "seed", "test_errors", "test_size", "iterations")
    with file.open(newline="") as rows:
        return [
            {
                **row,
                **{key: int(row[key]) for key in whole},
                "test_error": float(row["test_error"]),
                "seconds": float(row["seconds"]),
                "versions": {"torch": row["torch"]},
            }
            for row in csv.DictReader(rows)
        ]


def value(result: dict[str, Any], unit: str) -> float:
    """A result's test error, in per cent or as a number of errors."""
    return result["test_errors"] if unit == "errors" else 100 * result["test_error"]


def spread(results: list[dict[str, Any]], unit: str) -> str:
    """Mean ± sample standard deviation; the value alone if there is one."""
    values = [value(result, unit) for result in results]
    digits, sign = (1, "") if unit == "errors" else (2, " %")
    if len(values) == 1:
        return f"{values[0]:.{0 if unit == 'errors' else digits}f}{sign}"
    return f"{statistics.fmean(values):.{digits}f} ± {statistics.stdev(values):.{digits}f}{sign}"


def same(values: list[str]) -> str:
    """What all results have in common, or each that occurs."""
    return "; ".join(dict.fromkeys(values))


def shortened(hardware: str) -> str:
    """Hardware as the page names it: each machine had two cores."""
    for long, short in (("Intel(R) Xeon(R) Processor", "Xeon"), ("AMD EPYC", "EPYC"), (", 2 cores", "")):
        hardware = hardware.replace(long, short)
    return re.sub(r"\b1 threads", "1 thread", hardware)


def cells(row: dict[str, Any], unit: str) -> list[str]:
    """One line of a table."""
    name = f"{row['name']}<br>`{row['command']}`"
    results = load(row.get("runs", []), objective=row.get("objective"), configuration=row.get("configuration"))
    if not results:
        return [name, f"not run: {row['not_run']}", "0", "", "", row["paper"], "", "", ""]
    baseline = load(row.get("baseline", []), objective="supervised")
    options = f", `{row['baseline_options']}`" if "baseline_options" in row else ""
    alone = f"{spread(baseline, unit)} (n = {len(baseline)}{options})" if baseline else ""
    digits = 0 if unit == "errors" else 1
    return [
        name,
        f"**{spread(results, unit)}**",
        str(len(results)),
        ", ".join(f"{r['data_seed']}: {value(r, unit):.{digits}f}" for r in results),
        alone,
        row["paper"],
        same([f"{r['iterations']:,}" for r in results]),
        f"{statistics.median(r['seconds'] for r in results):,.0f}",
        same([shortened(r["hardware"]) for r in results]),
    ]


def table(name: str) -> str:
    """A task's table in Markdown."""
    spec: Any = OmegaConf.to_container(OmegaConf.load(HERE / "tables.yaml")[name])
    lines = [COLUMNS, ["---"] * len(COLUMNS), *(cells(row, spec["unit"]) for row in spec["rows"])]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def filled(page: str) -> str:
    """A page with each table between ``<!-- table NAME -->`` and ``<!-- end -->`` made anew."""

    def made(match: re.Match[str]) -> str:
        return f"<!-- table {match[1]} -->\n{table(match[1])}\n<!-- end -->"

    return re.sub(r"<!-- table (\w+) -->\n.*?<!-- end -->", made, page, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text()))
