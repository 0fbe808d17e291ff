"""The report's page in a browser, from its file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ssgan.reporting.groups import group
from ssgan.reporting.report import write_report
from ssgan.reporting.runs import find_runs
from tests.reporting.fake_runs import write_run

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

ERRORS = {"none": 0.10, "feature_matching": 0.02, "label_smoothing": 0.30}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's chromium, or the one that playwright has installed."""
    program = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )
    with playwright.sync_playwright() as p:
        if program is None and not Path(p.chromium.executable_path).exists():
            pytest.skip("there is no browser: apt install chromium, or python -m playwright install chromium")
        # A container's root has no sandbox to start.
        flags = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = p.chromium.launch(executable_path=program, args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for name, error in ERRORS.items():
        for seed in (1, 2, 10):
            tricks = [] if name == "none" else [name]
            write_run(folder / f"{name}-{seed}", error + seed / 1000, tricks, seed, curve=True, samples=True)
    (folder / "cut" / ".hydra").mkdir(parents=True)
    runs, incomplete = find_runs([folder])
    return write_report(tmp_path_factory.mktemp("report"), "report", group(runs), incomplete)[0]


@pytest.fixture(params=[("light", 1200), ("dark", 1200), ("light", 390), ("dark", 390)], ids=lambda p: f"{p[0]}-{p[1]}")
def page(request: pytest.FixtureRequest, browser: Any, page_file: Path) -> Iterator[Any]:
    scheme, width = request.param
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda r: complaints.append(r.url) if not r.url.startswith(("file:", "data:")) else None)
    page.goto(page_file.as_uri())
    yield page
    page.close()
    assert complaints == []


def names(page: Any) -> list[str]:
    """The first column of the first table, as shown."""
    return page.eval_on_selector_all(
        "section:first-of-type table >> nth=0 >> tbody tr:not([hidden]) td:first-child",
        "cells => cells.map(c => c.innerText)",
    )


def luminance(page: Any, selector: str, what: str) -> float:
    colour = page.eval_on_selector(selector, f"e => getComputedStyle(e).{what}")
    red, green, blue = (int(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3])
    return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255


def test_it_fits_the_screen_and_follows_the_theme(page: Any, request: pytest.FixtureRequest) -> None:
    scheme, width = request.node.callspec.params["page"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    text, ground = luminance(page, "h1", "color"), luminance(page, "body", "backgroundColor")
    assert (text > 0.7 and ground < 0.3) if scheme == "dark" else (text < 0.3 and ground > 0.7)
    ink = luminance(page, "svg text", "fill")
    assert abs(ink - ground) > 0.4, "the plots' text cannot be read"


def test_pictures_are_loaded_and_plots_have_a_size(page: Any) -> None:
    page.eval_on_selector_all("img", "pictures => pictures.forEach(p => p.scrollIntoView())")
    page.wait_for_function("[...document.images].every(p => p.complete)")
    sizes = page.eval_on_selector_all("img", "pictures => pictures.map(p => p.naturalWidth)")
    assert len(sizes) == 3 and min(sizes) > 0
    plots = page.eval_on_selector_all("svg", "plots => plots.map(p => p.getBoundingClientRect().height)")
    assert len(plots) == 2 and min(plots) > 80


def test_a_click_on_a_heading_sorts(page: Any) -> None:
    assert names(page) == ["feature_matching", "none", "label_smoothing"]
    heading = page.locator("th button", has_text="test error, %").first
    heading.click()
    heading.click()
    assert names(page) == ["label_smoothing", "none", "feature_matching"]
    assert page.locator("th[aria-sort=descending]").count() == 1
    page.locator("th button", has_text="configuration").first.click()
    assert names(page) == ["feature_matching", "label_smoothing", "none"]


def test_numbers_sort_as_numbers(page: Any) -> None:
    page.locator("summary", has_text="Every run").click()
    page.locator("th button", has_text="data.seed").click()
    seeds = page.eval_on_selector_all("details table tbody tr td:nth-child(2)", "cells => cells.map(c => +c.innerText)")
    assert seeds == [1, 1, 1, 2, 2, 2, 10, 10, 10]


def test_the_search_hides_what_does_not_match(page: Any) -> None:
    page.locator("input[type=search]").fill("smoothing")
    assert names(page) == ["label_smoothing"]
    page.locator("input[type=search]").fill("")
    assert len(names(page)) == 3


def test_incomplete_runs_are_listed(page: Any) -> None:
    assert page.locator("section", has_text="Incomplete runs").get_by_text("cut", exact=True).is_visible()
