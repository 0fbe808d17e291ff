"""The report on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from ssgan.commands.output import table_console
from ssgan.reporting.groups import Section
from ssgan.reporting.runs import IncompleteRun
from ssgan.reporting.tables import counted, held_out, number, percent, points


def show(sections: Sequence[Section], incomplete: Sequence[IncompleteRun], files: Sequence[Path]) -> None:
    """Print a table for each section, the incomplete runs, and where the report is."""
    console = table_console()
    for section in sections:
        differs = ", ".join(f"{key}={value}" for key, value in section.differs_by.items())
        table = Table(
            title=escape(section.title + (f"  ({differs})" if differs else "")), title_justify="left", box=None
        )
        columns = ["n", "test error, %"] + ["held-out error, %"] * section.held_out
        columns += [f"against {section.baseline}, points"] if section.baseline else []
        table.add_column("configuration", overflow="fold")
        for column in (*columns, "seconds", "iterations/s"):
            table.add_column(column, justify="right")
        for c in section.configurations:
            difference = [points(c.difference)] if section.baseline else []
            speed = [number(c.median("seconds")), number(c.median("iterations_per_second"))]
            val = [held_out(c)] if section.held_out else []
            table.add_row(escape(c.name), str(c.spread.n), percent(c.spread), *val, *difference, *speed)
        console.print(table)
        repeated = sum(len(c.repeated) for c in section.configurations)
        if repeated:
            console.print(f"{counted(repeated, 'run')} with the seeds of others not counted")
        console.print()
    for run in incomplete:
        line = f"incomplete: {run.name}  {run.state}  {run.progress}  {run.reason}"
        console.print(escape(line.rstrip()), soft_wrap=True, highlight=False)
    page = files[0]
    line = f"[bold]{escape(str(page))}[/] and {len(files) - 1} more files in {escape(str(page.parent))}"
    console.print(line, soft_wrap=True, highlight=False)
