"""The report's files: numbers as given, text escaped, nothing from a network."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
from PIL import Image

from ssgan.reporting.documents import markdown, tex
from ssgan.reporting.groups import group
from ssgan.reporting.plots import curve_plot, search_plot
from ssgan.reporting.report import write_report
from ssgan.reporting.runs import find_runs
from ssgan.reporting.terminal import show
from tests.reporting.fake_runs import write_run

ERRORS = {(): (0.10, 0.12), ("feature_matching",): (0.08, 0.06)}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for tricks, errors in ERRORS.items():
        for seed, error in enumerate(errors, 1):
            name = f"{'+'.join(tricks) or 'none'}-{seed}"
            write_run(folder / name, error, tricks, seed, curve=True, samples=True)
            write_run(folder / f"more-{name}", error / 2, tricks, seed, data__num_labels=100)
    (folder / "<b>cut & off</b>" / ".hydra").mkdir(parents=True)
    return folder


@pytest.fixture(scope="module")
def report(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report")
    finished, incomplete = find_runs([runs])
    files = write_report(out, "A title & more", group(finished), incomplete)
    assert files[0] == out / "index.html"
    assert sorted(files) == sorted(out.iterdir())
    return out


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_csv_has_every_run_unrounded(report: Path) -> None:
    found = {
        (row["techniques"], row["section"], row["seed"]): float(row["test_error"]) for row in rows(report / "runs.csv")
    }
    sections = {row["run"].startswith("more-"): row["section"] for row in rows(report / "runs.csv")}
    assert len(found) == 8
    for tricks, errors in ERRORS.items():
        for seed, error in enumerate(errors, 1):
            assert found["+".join(tricks), sections[False], str(seed)] == error
            assert found["+".join(tricks), sections[True], str(seed)] == error / 2


def test_the_summary_has_the_known_numbers(report: Path) -> None:
    (row,) = (r for r in rows(report / "summary.csv") if r["techniques"] and float(r["test_error_mean"]) > 0.05)
    assert row["n"] == "2"
    assert float(row["test_error_mean"]) == pytest.approx(0.07)
    assert float(row["test_error_std"]) == pytest.approx(0.02 / 2**0.5)
    assert row["baseline"] == "none"
    assert float(row["difference_mean"]) == pytest.approx(-0.04)
    half = 12.7062 * 0.02  # Student's of two pairs: the 97.5 % quantile with one degree of freedom, the standard error
    assert float(row["difference_low"]) == pytest.approx(-0.04 - half, abs=1e-5)
    assert float(row["difference_high"]) == pytest.approx(-0.04 + half, abs=1e-5)


@pytest.mark.parametrize("name", ["report.md", "report.tex", "index.html"])
def test_the_documents_have_the_numbers(report: Path, name: str) -> None:
    text = (report / name).read_text()
    for mean in ("7.00", "11.00", "3.50", "5.50"):
        assert mean in text
    assert re.search(r"1\.41", text)
    assert "4.00 [" in text


def test_markdown_tables_are_whole(report: Path) -> None:
    table = [line for line in (report / "report.md").read_text().splitlines() if line.startswith("|")]
    assert len({line.replace(r"\|", "").count("|") for line in table[:4]}) == 1
    assert r"\<b\>cut & off\</b\>" in (report / "report.md").read_text()


def test_latex_braces_and_environments_are_balanced(report: Path) -> None:
    text = (report / "report.tex").read_text()
    plain = re.sub(r"\\[{}\\]", "", text)
    assert plain.count("{") == plain.count("}") > 0
    assert sorted(re.findall(r"\\begin{(\w+)}", text)) == sorted(re.findall(r"\\end{(\w+)}", text)) != []
    assert r"feature\_matching" in text


def test_escapes() -> None:
    assert tex("50 % of a_b & {c}") == r"50 \% of a\_b \& \{c\}"
    assert markdown("a|b_c") == r"a\|b\_c"


def test_the_page_stands_alone_and_escapes_names(report: Path) -> None:
    page = (report / "index.html").read_text()
    assert not re.findall(r"""(?:src|href)=["'](?!#|data:|[\w./-]+\.(?:csv|md|tex|png|svg)["'])""", page)
    assert "@import" not in page and "url(http" not in page
    assert "<b>cut" not in page and "&lt;b&gt;cut &amp; off" in page
    assert "A title &amp; more" in page
    identifiers = re.findall(r'\bid="([^"]+)"', page)
    assert len(identifiers) == len(set(identifiers)), "ids of the page are not distinct"


def test_each_picture_has_words(report: Path) -> None:
    page = (report / "index.html").read_text()
    assert all(re.search(r'alt="[^"]+"', tag) for tag in re.findall(r"<img[^>]*>", page))
    assert "The lowest mean is 7.00 % of feature_matching" in page


def test_a_curve_of_one_point_is_a_point(runs: Path) -> None:
    """Test errors are looked at once where a run is shorter than ``trainer.eval_every``."""
    plots = [curve_plot("curves", section) for section in group(find_runs([runs])[0])]
    plot = next(plot for plot in plots if plot is not None)
    error, loss, _ = plot._figure.axes
    assert {line.get_marker() for line in error.lines} == {"o"} and len(error.lines[0].get_xdata()) == 1
    assert {line.get_marker() for line in loss.lines} == {"None"} and len(loss.lines[0].get_xdata()) == 4


def test_errors_on_held_out_labels_are_in_the_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed, error in ((1, 0.25), (2, 0.35)):
        path = write_run(tmp_path / "runs" / str(seed), 0.1, (), seed) / "result.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"val_error": error}))
    sections = group(find_runs([tmp_path / "runs"])[0])
    (tmp_path / "out").mkdir()
    files = write_report(tmp_path / "out", "Title", sections, [])
    show(sections, [], files)
    printed = capsys.readouterr().out
    assert "held-out error, %" in printed and re.search(r"10\.00 ± 0\.00 +30\.00 ", printed)
    assert [float(row["val_error"]) for row in rows(tmp_path / "out" / "runs.csv")] == [0.25, 0.35]
    assert [float(row["val_error_mean"]) for row in rows(tmp_path / "out" / "summary.csv")] == [0.3]
    assert "| 10.00 ± 0.00 | 30.00 |" in (tmp_path / "out" / "report.md").read_text()
    assert "& 30.00" in (tmp_path / "out" / "report.tex").read_text()
    assert '<td data-value="0.3">30.00</td>' in (tmp_path / "out" / "index.html").read_text()


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


def test_a_report_is_the_same_each_time(runs: Path, report: Path, tmp_path: Path) -> None:
    finished, incomplete = find_runs([runs])
    write_report(tmp_path, "A title & more", group(finished), incomplete)
    for path in report.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_a_report_of_incomplete_runs_alone(tmp_path: Path) -> None:
    (tmp_path / "runs" / "cut" / ".hydra").mkdir(parents=True)
    finished, incomplete = find_runs([tmp_path / "runs"])
    write_report(tmp_path / "out", "cut", group(finished), incomplete)
    assert "it has written no status" in (tmp_path / "out" / "index.html").read_text()


def test_the_terminal_names_a_folder_with_brackets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "a[old][" / "b]"
    write_run(folder / "run", 0.1)
    runs, incomplete = find_runs([folder])
    sections = group(runs)
    show(sections, incomplete, write_report(folder / "report", "Title", sections, incomplete))
    assert str(folder / "report") in capsys.readouterr().out
