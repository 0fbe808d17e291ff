"""Pictures of an evaluation: confusions, calibration, the most confident mistakes."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor

from ssgan.atomic_write import atomic_write
from ssgan.inference.evaluation import BINS, Evaluation
from ssgan.pictures import enlarge

#: Most classes whose confusions are written as numbers.
_NUMBERED = 30

#: Mistakes that are shown, and in how many columns.
_MISTAKES, _COLUMNS = 24, 8

#: Characters of a class's name above a mistake, of two in one line, and of a name beside the confusions.
_NAME, _WIDTH, _AXIS_NAME = 17, 14, 40

#: Images of one confidence from which their number is drawn on a logarithmic axis.
_MANY = 100


def write_pictures(evaluation: Evaluation, images: Tensor | None, folder: Path) -> list[Path]:
    """``confusion.png``, ``reliability.png`` and, if there are mistakes and their images, ``mistakes.png``.

    Args:
        evaluation: of a test set.
        images: that test set's, uint8 ``[n, channels, height, width]``; None if they are not at hand.
        folder: is made if there is none.
    """
    figures = {"confusion": confusion_figure(evaluation), "reliability": reliability_figure(evaluation)}
    (folder / "mistakes.png").unlink(missing_ok=True)  # of an earlier evaluation, perhaps of another model
    if evaluation.errors and images is not None:
        figures["mistakes"] = mistakes_figure(evaluation, images)
    paths = []
    for name, figure in figures.items():
        paths.append(folder / f"{name}.png")
        with atomic_write(paths[-1]) as aside, warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph")  # a class's name in a script that the font does not have
            figure.savefig(aside, dpi=130, facecolor="white")
    return paths


def _shortened(name: str, longest: int) -> str:
    """The name, or its beginning and its end, by which names that begin alike are told apart."""
    return name if len(name) <= longest else f"{name[: longest // 2]}…{name[-(longest - longest // 2 - 1) :]}"


def confusion_figure(evaluation: Evaluation) -> Figure:
    """Rows are classes, columns what their images were taken for; colours by the fraction of the row."""
    counts, k, names = (
        evaluation.confusion,
        len(evaluation.classes),
        [_shortened(n, _AXIS_NAME) for n in evaluation.classes],
    )
    side = min(14.0, 1.6 + 0.42 * max(k, 3) + 0.085 * max(map(len, names)))  # inches; a letter of a name has 0.085
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.add_subplot()
    fractions = counts / counts.sum(1, keepdim=True).clamp(min=1)
    axes.imshow(fractions.numpy(), cmap="Blues", vmin=0, vmax=1)
    upright = max(map(len, names)) <= 2
    axes.set_xticks(range(k), names, rotation=0 if upright else 90, parse_math=False)
    axes.set_yticks(range(k), names, parse_math=False)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    if k <= _NUMBERED:
        for row in range(k):
            for column in range(k):
                if count := int(counts[row, column]):
                    ink = "white" if fractions[row, column] > 0.5 else "black"
                    axes.text(column, row, str(count), ha="center", va="center", color=ink, fontsize=8)
    axes.set_title(f"error {evaluation.error:.2%}, {evaluation.errors} of {len(evaluation.labels)}", fontsize=10)
    return figure


def reliability_figure(evaluation: Evaluation) -> Figure:
    """Accuracy against confidence, above how many images have that confidence."""
    figure = Figure(figsize=(4.6, 5.2), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    filled = [b for b in evaluation.bins if b.images]
    centres = [(i + 0.5) / BINS for i, b in enumerate(evaluation.bins) if b.images]
    upper.plot([0, 1], [0, 1], "--", color="gray", linewidth=1, label="calibrated")
    upper.bar(centres, [b.accuracy for b in filled], 1 / BINS, edgecolor="white", color="#1f83c4")
    upper.plot([b.confidence for b in filled], [b.accuracy for b in filled], "o", color="black", markersize=3)
    upper.set(ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))
    upper.set_title(f"expected calibration error {100 * evaluation.calibration_error:.2f} points", fontsize=10)
    upper.legend(loc="upper left", frameon=False)
    lower.bar(centres, [b.images for b in filled], 1 / BINS, edgecolor="white", color="#7f7f7f")
    lower.set(xlabel="confidence", ylabel="images")
    if max((b.images for b in filled), default=0) > _MANY:
        lower.set_yscale("log")
    return figure


def mistakes_figure(evaluation: Evaluation, images: Tensor) -> Figure:
    """The most confident mistakes, each with its class → the predicted one and the confidence in it."""
    chosen = evaluation.mistakes(_MISTAKES)
    columns = min(_COLUMNS, len(chosen))
    rows = -(-len(chosen) // columns)
    figure = Figure(figsize=(max(1.25 * columns, 2.5), 1.75 * rows), layout="constrained")
    pictures = enlarge(images[chosen]).expand(-1, 3, -1, -1) if images.shape[1] == 1 else enlarge(images[chosen])
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for axes in panels:
        axes.axis("off")
    for axes, index, picture in zip(figure.axes, chosen.tolist(), pictures, strict=False):
        true, predicted = int(evaluation.labels[index]), int(evaluation.predicted[index])
        axes.imshow(torch.movedim(picture, 0, -1).numpy(), interpolation="nearest")
        names = [_shortened(evaluation.classes[of], _NAME) for of in (true, predicted)]
        between = " → " if sum(map(len, names)) <= _WIDTH else "\n→ "
        title = f"{between.join(names)}\n{evaluation.confidence[index]:.1%}"
        axes.set_title(title, fontsize=8, parse_math=False)
    return figure
