"""The report as documents: a page, Markdown and LaTeX, each from a template."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import jinja2

from ssgan.reporting import tables
from ssgan.reporting.groups import Configuration, Section
from ssgan.reporting.plots import Plot
from ssgan.reporting.runs import IncompleteRun
from ssgan.reporting.samples import MOST_SAMPLES, sample_grid
from ssgan.version import __version__

_TEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "−": "$-$",
}


@dataclass(frozen=True)
class Report:
    """All that the documents say. ``plots`` belong to the whole, ``section_plots`` to the section of the same index."""

    title: str
    sections: Sequence[Section]
    incomplete: Sequence[IncompleteRun]
    plots: Sequence[Plot]
    section_plots: Sequence[Sequence[Plot]]

    @property
    def num_runs(self) -> int:
        """How many runs there are; a supervised one may stand in several sections."""
        return len({run.folder for section in self.sections for run in section.runs})

    def render(self, template: str) -> str:
        """One document, by the name of its template."""
        environment = jinja2.Environment(
            loader=jinja2.PackageLoader("ssgan.reporting"),
            autoescape=lambda name: name is not None and ".html" in name,  # names of runs are anybody's text
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        functions: dict[str, Any] = {
            "percent": tables.percent,
            "points": tables.points,
            "number": tables.number,
            "held_out": tables.held_out,
            "each_value": tables.each_value,
            "tex": tex,
            "markdown": markdown,
            "settings": shared_settings,
            "picture": sample_picture,
        }
        environment.filters.update(functions)
        return environment.get_template(template).render(
            report=self, today=date.today(), version=__version__, most_samples=MOST_SAMPLES
        )


def tex(text: str) -> str:
    """Text for LaTeX."""
    return "".join(_TEX.get(character, character) for character in text)


def markdown(text: str) -> str:
    """Text for a cell of a Markdown table."""
    return re.sub(r"([\\|`*_<>\[\]])", r"\\\1", text).replace("\n", " ")


def shared_settings(section: Section) -> dict[str, str]:
    """What all runs of a section share, hardware and versions included where they do."""
    facts: dict[str, set[str]] = {}
    for run in section.runs:
        versions = run.result.get("versions", {})
        for key, value in {"hardware": run.result.get("hardware"), **versions}.items():
            facts.setdefault(key, set()).add(str(value))
    return {key: "; ".join(sorted(values)) for key, values in facts.items()} | section.settings


def sample_picture(configuration: Configuration) -> str | None:
    """The last samples of a configuration as a data URI; None if there are none."""
    grid = sample_grid(configuration)
    if grid is None:
        return None
    buffer = io.BytesIO()
    grid.quantize(32).save(buffer, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
