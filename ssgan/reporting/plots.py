"""The report's plots, by matplotlib: for files on white, for the page in the colours of its theme."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ssgan.reporting.groups import SUPERVISED, Section
from ssgan.reporting.palette import COLOURS, GREY, Palette
from ssgan.reporting.statistics import Spread, band
from ssgan.reporting.tables import counted

#: Stands for the page's text colour until the SVG is on the page.
INK = "#010203"

#: Most curves in one plot; more cannot be told apart.
MOST_CURVES = 8

#: Values of an option from which the error is drawn against it.
FEWEST_VALUES = 3

STYLE: Any = {
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.grid": True,
    "grid.color": "#8888884d",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "ssgan",
    "figure.constrained_layout.use": True,
}


class Plot:
    """A figure with its ``name`` (of its files) and ``alt``, what it shows in words."""

    def __init__(self, name: str, alt: str, size: tuple[float, float], draw: Callable[[Figure], None]) -> None:
        self.name = name
        self.alt = alt
        with mpl.rc_context(STYLE):
            self._figure = Figure(figsize=size)
            draw(self._figure)
            self._figure.draw_without_rendering()
            self._figure.set_layout_engine("none")  # laid out once, and not again for each format
            buffer = io.StringIO()
            self._figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        self._svg = buffer.getvalue()

    @property
    def inline(self) -> str:
        """As an ``<svg>`` element that takes the page's text colour and width."""
        svg = self._svg[self._svg.index("<svg") :].replace(INK, "currentColor")
        # Ids are the page's, not the picture's: two pictures must not share one.
        svg = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{self.name}-", svg)
        return re.sub(r'<svg ([^>]*?)width="[^"]*" height="[^"]*"', r'<svg \1aria-hidden="true"', svg, count=1)

    def write(self, folder: Path) -> list[Path]:
        """``<name>.png`` and ``<name>.svg``, black on white."""
        png, svg = folder / f"{self.name}.png", folder / f"{self.name}.svg"
        self._figure.savefig(png, dpi=150, facecolor="white")
        whole = '<g id="figure_1">'
        on_white = f'<rect width="100%" height="100%" fill="white"/>{whole}'
        svg.write_text(self._svg.replace(whole, on_white, 1), encoding="utf-8")
        return [png, svg]


def error_plot(name: str, section: Section, palette: Palette) -> Plot:
    """Each run's error as a point, each configuration's mean and sample std."""
    configurations = section.configurations[::-1]  # the best on top
    colours = palette.of([c.name for c in section.configurations[:MOST_CURVES]])

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        for row, configuration in enumerate(configurations):
            values = [100 * e for e in configuration.errors.values()]
            spread = Spread.of(values)
            colour = colours.get(configuration.name, GREY)
            axes.plot(values, [row] * len(values), "o", color=colour, alpha=0.45, markersize=4, markeredgewidth=0)
            axes.errorbar(
                spread.mean,
                row,
                xerr=spread.std or None,
                fmt="|",
                color=colour,
                markersize=11,
                capsize=3,
                linewidth=1.6,
            )
        axes.set_yticks(range(len(configurations)), [c.name for c in configurations])
        axes.set_ylim(-0.6, len(configurations) - 0.4)
        axes.set_xlim(left=0)
        axes.set_xlabel("test error, %")
        axes.grid(axis="y", visible=False)

    if section.held_out:
        error, best = min((c.val_error, c.name) for c in section.configurations if c.val_error is not None)
        lowest = f"The lowest error on held-out labels is {100 * error:.2f} % of {best}."
    else:
        error, best = min((c.spread.mean, c.name) for c in section.configurations)
        lowest = f"The lowest mean is {100 * error:.2f} % of {best}."
    alt = (
        f"Test errors of {counted(len(configurations), 'configuration')} on {section.title}, each run a dot, with mean"
        f" and sample standard deviation. {lowest}"
    )
    return Plot(name, alt, (7.5, 0.9 + 0.3 * len(configurations)), draw)


def curve_plot(name: str, section: Section, palette: Palette) -> Plot | None:
    """Test error and both players' losses by iteration, with a band of one sample std over seeds."""
    panels = {"test/error": "test error, %", "train/d_loss": "loss of D", "train/g_loss": "loss of G"}
    shown = section.configurations[:MOST_CURVES]
    bands = {
        key: {c.name: rows for c in shown if (rows := band([run.curve(key) for run in c.runs if run.curve(key)]))}
        for key in panels
    }
    drawn = [key for key in panels if bands[key]]
    if not drawn:
        return None
    colours = palette.of([c.name for c in shown])

    def draw(figure: Figure) -> None:
        for column, (key, axes) in enumerate(zip(drawn, figure.subplots(1, len(drawn), squeeze=False)[0], strict=True)):
            scale = 100 if key == "test/error" else 1
            for configuration in shown:
                rows = bands[key].get(configuration.name)
                if rows:
                    x = [step for step, _, _ in rows]
                    y = [scale * mean for _, mean, _ in rows]
                    s = [scale * std for _, _, std in rows]
                    colour = colours[configuration.name]
                    label = configuration.name if column == 0 else None
                    style = "o" if len(x) == 1 else "-"
                    axes.plot(x, y, style, color=colour, linewidth=1.3, markersize=4, label=label)
                    low, high = ([a + sign * b for a, b in zip(y, s, strict=True)] for sign in (-1, 1))
                    axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
            axes.set_title(panels[key], loc="left", fontsize=9)
            axes.set_xlabel("iteration")
            axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
            axes.margins(y=0.1)
            if key == "test/error":
                axes.set_ylim(bottom=0)
        _legend(figure, list(colours))

    rest = _left_out(len(section.configurations), "held-out errors" if section.held_out else "errors")
    alt = (
        f"Learning curves on {section.title}: {', '.join(panels[key] for key in drawn)}, mean and std over seeds.{rest}"
    )
    return Plot(name, alt, (3.4 * len(drawn), 3.1 + 0.1 * len(shown)), draw)


def _legend(figure: Figure, names: list[str]) -> None:
    """Below the plot, where it hides no curve."""
    figure.legend(loc="outside lower center", ncols=2 if max(map(len, names)) > 30 else 4, fontsize=8)


def _left_out(configurations: int, by: str) -> str:
    """A sentence about those that are not drawn, if there are any."""
    more = configurations - MOST_CURVES
    return f" {counted(more, 'configuration')} with larger {by} left out." if more > 0 else ""


def label_plot(name: str, sections: Sequence[Section], palette: Palette) -> Plot | None:
    """Error against the number of labels, for sections that differ in it alone; None for a single number."""
    lines: dict[str, dict[int, Spread]] = {}
    for section in sections:
        for configuration in section.configurations:
            labels = int(configuration.runs[0].result.get("num_labels", 0))
            lines.setdefault(configuration.name, {})[labels] = configuration.spread
    if len({labels for line in lines.values() for labels in line}) < 2:
        return None
    # Only configurations with the same numbers of labels have comparable means; that of the labels alone is for all.
    means = {name: fmean(spread.mean for spread in line.values()) for name, line in lines.items()}
    best_first = sorted(lines, key=lambda name: (name != SUPERVISED, -len(lines[name]), means[name], name))
    colours = palette.of(best_first[:MOST_CURVES])

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        for label, colour in colours.items():
            line = lines[label]
            x = sorted(line)
            axes.errorbar(
                x,
                [100 * line[n].mean for n in x],
                yerr=[100 * (line[n].std or 0.0) for n in x],
                color=colour,
                marker="o",
                markersize=4,
                capsize=3,
                linewidth=1.3,
                label=label,
            )
        ticks = sorted({labels for line in lines.values() for labels in line})
        axes.set_xscale("log")
        axes.set_xticks(ticks, [str(tick) for tick in ticks], minor=False)
        axes.minorticks_off()
        axes.set_xlabel("labels")
        axes.set_ylabel("test error")
        axes.yaxis.set_major_formatter(PercentFormatter(100))
        axes.set_ylim(bottom=0)
        _legend(figure, list(colours))

    data = sections[0].runs[0].result.get("data", "the data")
    rest = _left_out(len(lines), "errors, or of fewer numbers of labels,")
    alt = f"Test error on {data} against the number of labels, mean and std over seeds.{rest}"
    return Plot(name, alt, (6.5, 3.6 + 0.1 * len(colours)), draw)


def search_plot(name: str, section: Section) -> Plot | None:
    """Error, on held-out labels if there are some, against each number in which the configurations differ."""
    errors = [c.val_error if section.held_out else c.spread.mean for c in section.configurations]
    panels: dict[str, list[tuple[float, float]]] = {}
    for key in section.searched:
        points = []
        for configuration, error in zip(section.configurations, errors, strict=True):
            try:
                value = float(configuration.runs[0].settings[key])
            except (KeyError, ValueError):  # a word, or null
                continue
            if error is not None and math.isfinite(value):
                points.append((value, 100 * error))
        if len({value for value, _ in points}) >= FEWEST_VALUES:
            panels[key] = points
    if not panels:
        return None
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    what = "held-out error" if section.held_out else "test error"

    def draw(figure: Figure) -> None:
        axes = figure.subplots(rows, columns, squeeze=False, sharey=True).flat
        for (key, points), one in zip(panels.items(), axes, strict=False):
            values, _ = zip(*points, strict=True)
            one.plot(*zip(*points, strict=True), "o", color=COLOURS[0], alpha=0.6, markersize=5, markeredgewidth=0)
            if min(values) > 0 and max(values) >= 10 * min(values):
                one.set_xscale("log")
            else:
                one.xaxis.set_major_locator(MaxNLocator(4))
            one.set_xlabel(key)
            one.yaxis.set_major_formatter(PercentFormatter(100))
        for one in axes[len(panels) :]:
            one.axis("off")
        for row in range(rows):
            axes[row * columns].set_ylabel(what)

    alt = f"The {what} of {counted(len(errors), 'configuration')} on {section.title} against {', '.join(panels)}."
    return Plot(name, alt, (2.5 + 2.5 * columns, 2.7 * rows), draw)
