"""Sheets of generated images."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from ssgan.reporting.groups import Section, group
from ssgan.reporting.runs import find_runs
from ssgan.reporting.samples import sample_sheet
from tests.reporting.fake_runs import write_run


def sections(folder: Path) -> list[Section]:
    return group(find_runs([folder])[0])


def test_a_sheet_shows_the_samples_of_each_configuration_that_has_some(tmp_path: Path) -> None:
    write_run(tmp_path / "a" / "0", 0.1)
    sample_sheet(sections(tmp_path / "a")[0], tmp_path / "no.png")
    assert not (tmp_path / "no.png").exists()
    for seed, trick in enumerate(("feature_matching", "label_smoothing"), 5):
        write_run(tmp_path / "a" / trick, 0.1, (trick,), seed, samples=True)
    (section,) = sections(tmp_path / "a")
    sample_sheet(section, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as picture:
        colours = {colour: count for count, colour in picture.convert("L").getcolors(256)}
    assert min(colours[100], colours[120]) > 0.3 * sum(colours.values())
