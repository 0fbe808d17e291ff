"""Evaluations as tables on a terminal."""

from __future__ import annotations

import statistics
from collections.abc import Mapping

from rich.markup import escape
from rich.table import Table

from ssgan.inference.evaluation import Evaluation

#: Most classes that are listed; of more, those with the lowest F1.
MOST_CLASSES = 20


def error_table(members: Mapping[str, Evaluation], whole: Evaluation, level: float) -> Table:
    """The error of each run and, of several, their mean ± sample std and the ensemble's."""
    table = Table(box=None)
    table.add_column("run", overflow="fold")
    for column in ("test error, %", f"{level:.0%} interval", "errors", "ECE, points"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, evaluation in members.items():
        table.add_row(escape(name), *_numbers(evaluation, level))
    if len(members) > 1:
        errors = [100 * each.error for each in members.values()]
        mean = f"{statistics.fmean(errors):.2f} ± {statistics.stdev(errors):.2f}"
        table.add_row(f"[bold]mean of {len(errors)}[/]", mean, "", "", "")
        table.add_row("[bold]ensemble[/]", *_numbers(whole, level))
    return table


def _numbers(evaluation: Evaluation, level: float) -> tuple[str, ...]:
    low, high = evaluation.error_interval(level)
    return (
        f"{100 * evaluation.error:.2f}",
        f"[{100 * low:.2f}, {100 * high:.2f}]",
        f"{evaluation.errors} of {len(evaluation.labels)}",
        f"{100 * evaluation.calibration_error:.2f}",
    )


def class_table(evaluation: Evaluation) -> Table:
    """Precision, recall and F1 of each class."""
    rows, title = list(zip(evaluation.class_scores, evaluation.confusion.sum(0).tolist(), strict=True)), None
    if len(rows) > MOST_CLASSES:
        # Classes without a test image last: nothing is known of how well they are found.
        rows = sorted(rows, key=lambda row: (not row[0].images, row[0].f1))[:MOST_CLASSES]
        title = f"the {MOST_CLASSES} of {len(evaluation.classes)} classes with the lowest F1"
    table = Table(title=title, title_justify="left", box=None)
    table.add_column("class")
    for column in ("images", "precision, %", "recall, %", "F1, %"):
        table.add_column(column, justify="right")
    for score, predicted in rows:
        ratios = (
            f"{100 * value:.1f}" if defined else "–"
            for value, defined in (
                (score.precision, predicted),
                (score.recall, score.images),
                (score.f1, score.images),
            )
        )
        table.add_row(escape(score.name), str(score.images), *ratios)
    return table
