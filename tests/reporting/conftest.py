"""A report that the tests of its parts share."""

from __future__ import annotations

from pathlib import Path

import pytest

from ssgan.reporting.groups import group
from ssgan.reporting.report import write_report
from ssgan.reporting.runs import find_runs
from tests.reporting.fake_runs import ERRORS, write_run


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for tricks, errors in ERRORS.items():
        for seed, error in enumerate(errors, 1):
            name = f"{'+'.join(tricks) or 'none'}-{seed}"
            write_run(folder / name, error, tricks, seed, curve=True, samples=True)
            write_run(folder / f"more-{name}", error / 2, tricks, seed, data__num_labels=100)
    (folder / "<b>cut & off</b>" / ".hydra").mkdir(parents=True)
    return folder


@pytest.fixture(scope="session")
def report(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report")
    finished, incomplete = find_runs([runs])
    files = write_report(out, "A title & more", group(finished), incomplete)
    assert files[0] == out / "index.html"
    assert sorted(files) == sorted(out.iterdir())
    return out
