"""Pictures of an evaluation with any names of classes and any number of images."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch

from ssgan.inference.evaluation import Evaluation
from ssgan.inference.evaluation_pictures import confusion_figure, mistakes_figure, reliability_figure, write_pictures

NAMES = ("US$ bill", "50$_^ note", "Staffordshire bull terrier (adult)", "日本")


def evaluation(n: int) -> Evaluation:
    rng = torch.Generator().manual_seed(0)
    return Evaluation(torch.randn(n, 4, generator=rng).softmax(1), torch.randint(0, 4, (n,), generator=rng), NAMES)


@pytest.mark.parametrize("classes", [2, 3, 12])
def test_long_names_leave_room_for_the_confusions(classes: int) -> None:
    names = [f"Tomato_Tomato_YellowLeaf_Curl_Virus_of_number_{k}" for k in range(classes)]
    labels = torch.arange(60) % classes
    given = Evaluation(torch.eye(classes)[labels.roll(1)], labels, names)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # "axes sizes collapsed to zero"
        figure = confusion_figure(given)
        figure.draw_without_rendering()
    (axes,) = figure.axes
    assert axes.get_window_extent().width > 0.25 * figure.bbox.width
    for label in (*axes.get_yticklabels(), axes.yaxis.label, axes.xaxis.label):
        box = label.get_window_extent()
        assert box.x0 >= 0 and box.y0 >= 0
    shown = [label.get_text() for label in axes.get_yticklabels()]
    assert len(set(shown)) == classes and max(map(len, shown)) == 40


def test_names_are_shown_as_they_are(tmp_path: Path) -> None:
    """A dollar sign begins no formula, and what the font does not have is no warning."""
    given = evaluation(40)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        paths = write_pictures(given, torch.zeros(40, 3, 8, 8, dtype=torch.uint8), tmp_path)
    assert [path.name for path in paths] == ["confusion.png", "reliability.png", "mistakes.png"]
    (axes,) = confusion_figure(given).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == list(NAMES)
    titles = [axes.get_title() for axes in mistakes_figure(given, torch.zeros(40, 1, 8, 8, dtype=torch.uint8)).axes]
    shown = [line for title in titles for line in title.splitlines()]
    assert max(map(len, shown)) <= 20 and any("Stafford… (adult)" in line for line in shown)


@pytest.mark.parametrize(("n", "scale"), [(20, "linear"), (4000, "log")])
def test_numbers_of_images_are_on_an_axis_that_suits_them(n: int, scale: str) -> None:
    _, lower = reliability_figure(evaluation(n)).axes
    assert lower.get_yscale() == scale
