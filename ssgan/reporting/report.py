"""A report in a folder: page, tables and plots."""

from __future__ import annotations

import shutil
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from ssgan.reporting.documents import Report
from ssgan.reporting.groups import Section
from ssgan.reporting.palette import Palette
from ssgan.reporting.plots import Plot, curve_plot, error_plot, label_plot, search_plot
from ssgan.reporting.runs import IncompleteRun
from ssgan.reporting.samples import sample_sheet
from ssgan.reporting.tables import RUN_COLUMNS, SUMMARY_COLUMNS, run_rows, summary_rows, write_csv

#: Sections with plots of their own; further ones have tables alone, so that a report of many sections stays readable.
MOST_PLOTTED = 12


def write_report(
    folder: Path, title: str, sections: Sequence[Section], incomplete: Sequence[IncompleteRun]
) -> list[Path]:
    """Write the report; its files, the page first. Files of the same names in the folder are replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as place:
        aside = Path(place)
        palette = Palette()
        plots = _label_plots(sections, palette)
        plotted = enumerate(sections[:MOST_PLOTTED], 1)
        section_plots = [_section_plots(i, section, aside, palette) for i, section in plotted]
        for plot in [*plots, *(plot for several in section_plots for plot in several)]:
            plot.write(aside)
        report = Report(title, sections, incomplete, plots, section_plots + [[]] * (len(sections) - len(section_plots)))
        for template, name in (
            ("page.html.j2", "index.html"),
            ("report.md.j2", "report.md"),
            ("report.tex.j2", "report.tex"),
        ):
            (aside / name).write_text(report.render(template), encoding="utf-8")
        write_csv(aside / "runs.csv", RUN_COLUMNS, run_rows(sections))
        write_csv(aside / "summary.csv", SUMMARY_COLUMNS, summary_rows(sections))
        names = sorted(path.name for path in aside.iterdir())
        for name in names:
            shutil.move(aside / name, folder / name)
    return [folder / name for name in sorted(names, key=lambda name: (name != "index.html", name))]


def _section_plots(number: int, section: Section, aside: Path, palette: Palette) -> list[Plot]:
    sample_sheet(section, aside / f"samples_{number}.png")
    plots = (
        search_plot(f"search_{number}", section),
        error_plot(f"errors_{number}", section, palette),
        curve_plot(f"curves_{number}", section, palette),
    )
    return [plot for plot in plots if plot is not None]


def _label_plots(sections: Sequence[Section], palette: Palette) -> list[Plot]:
    """One plot for each family of sections that differ in the number of labels alone."""
    families: dict[tuple[tuple[str, str], ...], list[Section]] = defaultdict(list)
    for section in sections:
        key = tuple((k, v) for k, v in sorted(section.settings.items()) if not k.endswith("num_labels"))
        families[key].append(section)
    plots = (label_plot(f"labels_{i}", family, palette) for i, family in enumerate(families.values(), 1))
    return [plot for plot in plots if plot is not None]
