"""The report's plots: what is drawn where, in words too, and as files."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from PIL import Image

from ssgan.reporting.groups import Section, group
from ssgan.reporting.palette import Palette
from ssgan.reporting.plots import MOST_CURVES, Plot, curve_plot, error_plot, label_plot, search_plot
from ssgan.reporting.runs import find_runs
from tests.reporting.fake_runs import ERRORS, write_run


def test_a_curve_of_one_point_is_a_point(runs: Path) -> None:
    """Test errors are looked at once where a run is shorter than ``trainer.eval_every``."""
    plots = [curve_plot("curves", section, Palette()) for section in group(find_runs([runs])[0])]
    plot = next(plot for plot in plots if plot is not None)
    error, loss, _ = plot._figure.axes
    assert {line.get_marker() for line in error.lines} == {"o"} and len(error.lines[0].get_xdata()) == 1
    assert {line.get_marker() for line in loss.lines} == {"None"} and len(loss.lines[0].get_xdata()) == 4


def test_a_search_is_drawn_against_each_number_of_which_it_tried_three(tmp_path: Path) -> None:
    for index, (lr, weight, steps) in enumerate([(0.001, 0.5, 1), (0.01, 1.0, 2), (0.1, 2.0, 1), (0.1, 1.0, None)]):
        options = {"optim__lr": lr, "objective__unlabelled_weight": weight, "objective__d_steps": steps}
        path = write_run(tmp_path / str(index), 0.1 * index, (), **options) / "result.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"val_error": 0.2 * index}))
    (section,) = group(find_runs([tmp_path])[0])
    plot = search_plot("search", section)
    assert plot is not None
    drawn = {axes.get_xlabel(): axes for axes in plot._figure.axes}
    assert list(drawn) == ["objective.unlabelled_weight", "optim.lr"]  # and not d_steps, of which there are two
    points = sorted(zip(*drawn["optim.lr"].lines[0].get_data(), strict=True))
    assert points == [pytest.approx(p) for p in [(0.001, 0), (0.01, 20), (0.1, 40), (0.1, 60)]]
    assert [axes.get_xscale() for axes in drawn.values()] == ["linear", "log"]
    assert "held-out error of 4 configurations" in plot.alt


def test_errors_against_labels_are_drawn(report: Path) -> None:
    assert (report / "labels_1.png").is_file()


def test_pictures_are_pictures(report: Path) -> None:
    for path in report.glob("*.png"):
        with Image.open(path) as picture:
            picture.load()
            assert min(picture.size) > 200 and len(picture.convert("L").getcolors(256) or []) > 2, path


def sections(folder: Path) -> list[Section]:
    return group(find_runs([folder])[0])


def test_each_error_is_a_point_and_the_mean_and_std_a_bar(runs: Path) -> None:
    section = next(s for s in sections(runs) if s.settings["data.num_labels"] == "30")
    (axes,) = error_plot("errors", section, Palette())._figure.axes
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["none", "feature_matching"], "the best on top"
    drawn = {name: sorted(line.get_xdata()) for name, line in zip(names, axes.lines[::4], strict=True)}
    assert drawn == {"none": pytest.approx([10, 12]), "feature_matching": pytest.approx([6, 8])}
    bars = [segment[:, 0] for bar in axes.collections for segment in bar.get_segments()]
    half = 100 * 0.02 / 2**0.5
    assert [tuple(bar) for bar in bars] == [pytest.approx((mean - half, mean + half)) for mean in (11, 7)]


def test_a_configuration_has_one_colour_in_all_plots_of_a_page(tmp_path: Path) -> None:
    """Also where the order of the errors, and so of the curves, is another."""
    for labels, errors in ((30, (0.1, 0.2)), (100, (0.06, 0.05))):
        for error, tricks in zip(errors, ((), ("feature_matching",)), strict=True):
            path = tmp_path / f"{labels}{len(tricks)}"
            write_run(path, error, tricks, curve=True, data__num_labels=labels)
    found, palette = sections(tmp_path), Palette()
    seen: dict[str, set[str]] = {}
    for section in found:
        plot = curve_plot("curves", section, palette)
        assert plot is not None
        for line in plot._figure.axes[0].lines:
            seen.setdefault(str(line.get_label()), set()).add(str(line.get_color()))
        (axes,) = error_plot("errors", section, palette)._figure.axes
        names = [label.get_text() for label in axes.get_yticklabels()]
        for line in axes.lines:
            seen.setdefault(names[int(line.get_ydata()[0])], set()).add(str(line.get_color()))
    plot = label_plot("labels", found, palette)
    assert plot is not None
    for bar in plot._figure.axes[0].containers:
        seen.setdefault(str(bar.get_label()), set()).add(str(bar.lines[0].get_color()))
    assert seen.keys() == {"none", "feature_matching"}
    assert [len(colours) for colours in seen.values()] == [1, 1] and len(set.union(*seen.values())) == 2


def test_labels_are_drawn_for_several_numbers_of_them_only(runs: Path) -> None:
    found = sections(runs)
    assert label_plot("labels", found[:1], Palette()) is None
    plot = label_plot("labels", found, Palette())
    assert plot is not None
    (axes,) = plot._figure.axes
    lines = {bar.get_label(): list(zip(*bar.lines[0].get_data(), strict=True)) for bar in axes.containers}
    means = {"+".join(tricks) or "none": 100 * sum(errors) / 2 for tricks, errors in ERRORS.items()}
    assert lines == {name: [pytest.approx((30, mean)), pytest.approx((100, mean / 2))] for name, mean in means.items()}


def test_of_many_lines_against_labels_the_lowest_are_drawn_and_it_is_said(tmp_path: Path) -> None:
    names = "abcdefghij"
    for labels in (30, 100):
        for i, name in enumerate(names):  # the first by name have the largest errors
            write_run(tmp_path / f"{labels}{name}", 0.5 - 0.01 * i, (name,), data__num_labels=labels)
    plot = label_plot("labels", sections(tmp_path), Palette())
    assert plot is not None and "2 configurations with larger errors, or of fewer numbers of labels, left" in plot.alt
    assert {bar.get_label() for bar in plot._figure.axes[0].containers} == set(names[2:])


def test_curves_that_cannot_be_told_apart_are_left_out_and_it_is_said(tmp_path: Path) -> None:
    for i in range(MOST_CURVES + 2):
        write_run(tmp_path / str(i), 0.01 * i, ("feature_matching",), curve=True, optim__lr=0.1 * (i + 1))
    (section,) = sections(tmp_path)
    plot = curve_plot("curves", section, Palette())
    assert plot is not None and "2 configurations with larger errors left out" in plot.alt
    assert len(plot._figure.axes[0].lines) == MOST_CURVES
    write_run(tmp_path / "none" / "0", 0.1)
    assert curve_plot("curves", sections(tmp_path / "none")[0], Palette()) is None, (
        "without a log there is nothing to draw"
    )


def test_on_the_page_a_plot_has_the_pages_colour_and_ids_of_its_own(tmp_path: Path) -> None:
    plot = Plot("mine", "words", (2, 2), lambda figure: figure.add_subplot().plot([0, 1], [0, 1]) and None)
    svg = plot.inline
    assert svg.startswith("<svg ") and "currentColor" in svg and "#010203" not in svg
    assert not re.match(r"<svg [^>]*(width|height)=", svg)
    ids = re.findall(r'\bid="([^"]+)"', svg)
    used = re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', svg)
    assert ids and all(name.startswith("mine-") for name in ids) and {a or b for a, b in used} <= set(ids)
    assert sorted(plot.write(tmp_path)) == [tmp_path / "mine.png", tmp_path / "mine.svg"]
