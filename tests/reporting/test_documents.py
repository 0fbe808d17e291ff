"""The report's documents: the numbers as given, text escaped, nothing from a network."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path

import pytest
from PIL import Image

from ssgan.reporting.documents import Report, markdown, sample_picture, shared_settings, tex
from ssgan.reporting.groups import group
from ssgan.reporting.runs import find_runs
from tests.reporting.fake_runs import write_run


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


def test_what_all_runs_share_is_told_and_machines_that_differ_are_all_named(tmp_path: Path) -> None:
    for seed in (1, 2):
        path = write_run(tmp_path / str(seed), 0.1, (), seed) / "result.json"
        path.write_text(path.read_text().replace("a machine", f"machine {3 - seed}"))
    (section,) = group(find_runs([tmp_path])[0])
    settings = shared_settings(section)
    assert settings["hardware"] == "machine 1; machine 2" and settings["torch"] == "2.11.0"
    assert settings["optim.lr"] == "0.003" and not {"seed", "data.seed"} & set(settings)


def test_samples_lie_in_the_page_itself(tmp_path: Path) -> None:
    write_run(tmp_path / "1", 0.1, (), 1)
    write_run(tmp_path / "2", 0.1, (), 2, samples=True)
    ((configuration,),) = (section.configurations for section in group(find_runs([tmp_path])[0]))
    kind, _, data = str(sample_picture(configuration)).partition(",")
    with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
        assert kind == "data:image/png;base64" and picture.size == (16, 16)
        assert picture.convert("L").getextrema() == (40, 40)
    (tmp_path / "2" / "samples" / "000040.png").write_text("no picture")
    assert sample_picture(configuration) is None


def test_a_run_in_several_sections_is_one(tmp_path: Path) -> None:
    """The labels alone are compared with GANs of either weight."""
    for weight in (0.5, 2.0):
        for seed in (1, 2):
            write_run(
                tmp_path / f"{weight}-{seed}", 0.1, ("feature_matching",), seed, objective__unlabelled_weight=weight
            )
    objective = {"objective__unlabelled_weight": 0, "objective__g_steps": 0}
    path = write_run(tmp_path / "labels", 0.2, **objective) / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"objective": "supervised"}))
    sections = group(find_runs([tmp_path])[0])
    assert sum(len(section.runs) for section in sections) == 6
    assert Report("t", sections, [], [], [[]] * len(sections)).num_runs == 5
