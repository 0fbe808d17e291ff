"""The generated images of the configurations, one grid for each."""

from __future__ import annotations

import textwrap
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from ssgan.reporting.groups import Configuration, Section

#: Most configurations whose samples are shown, those with the smallest errors.
MOST_SAMPLES = 24


def sample_sheet(section: Section, path: Path) -> None:
    """Write the last samples of one run of each configuration side by side, if there are some."""
    grids = [(c, grid) for c in section.configurations[:MOST_SAMPLES] if (grid := sample_grid(c)) is not None]
    if not grids:
        return
    columns = min(4, len(grids))
    rows = -(-len(grids) // columns)
    figure = Figure(figsize=(2.6 * columns, 2.9 * rows))
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.01, top=1 - 0.3 / (2.9 * rows), wspace=0.05, hspace=0.15)
    for axes in figure.subplots(rows, columns, squeeze=False).flat:
        axes.axis("off")
    for axes, (configuration, grid) in zip(figure.axes, grids, strict=False):
        axes.imshow(grid, interpolation="nearest", cmap="gray")
        axes.set_title(textwrap.fill(configuration.name, 36), fontsize=7)
    figure.savefig(path, dpi=130, facecolor="white")


def sample_grid(configuration: Configuration) -> Image.Image | None:
    """The last samples of the first run that has some."""
    for run in configuration.runs:
        if run.samples is not None:
            try:
                return Image.open(run.samples).convert("RGB")
            except OSError:
                continue
    return None
