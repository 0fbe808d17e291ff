"""Tables of predictions read back by other readers."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pandas as pd
import pytest

from ssgan.errors import ConfigError
from ssgan.inference.predictions import FilePrediction, find_format, prediction_writer

CLASSES = ("cat, black", 'the "dog"', "Käuzchen 🦉", "file")
ROWS = [
    FilePrediction("a b/ü.png", CLASSES[0], (0.9, 0.05, 0.04999, 0.00001), 0.25),
    FilePrediction('quote",\nline.png', CLASSES[2], (1e-12, 0.25, 0.5, 0.25), 1.0),
]


def write(path: Path | None, fmt: str, rows: list[FilePrediction] = ROWS) -> None:
    with prediction_writer(path, fmt, CLASSES) as writer:
        for row in rows:
            writer.write(row)


def test_csv(tmp_path: Path):
    write(tmp_path / "x.csv", "csv")
    header, *rows = csv.reader((tmp_path / "x.csv").open(encoding="utf-8", newline=""))
    assert header == ["file", "label", *(f"p({name})" for name in CLASSES), "realness"]
    for row, expected in zip(rows, ROWS, strict=True):
        assert row[:2] == [expected.file, expected.label]
        assert [float(x) for x in row[2:]] == pytest.approx([*expected.probabilities, expected.realness], rel=1e-5)
    frame = pd.read_csv(tmp_path / "x.csv")
    assert list(frame["label"]) == [row.label for row in ROWS] and frame["p(Käuzchen 🦉)"][1] == 0.5


def test_json_lines(tmp_path: Path):
    write(tmp_path / "x.jsonl", "jsonl")
    rows = [json.loads(line) for line in (tmp_path / "x.jsonl").read_text(encoding="utf-8").splitlines()]
    for row, expected in zip(rows, ROWS, strict=True):
        assert list(row) == ["file", "label", "probabilities", "realness"]
        assert (row["file"], row["label"], row["realness"]) == (expected.file, expected.label, expected.realness)
        assert row["probabilities"] == pytest.approx(dict(zip(CLASSES, expected.probabilities, strict=True)))


@pytest.mark.parametrize("fmt", ["csv", "jsonl"])
def test_the_standard_output_and_names_that_are_not_unicode(fmt: str, capfdbinary: pytest.CaptureFixture[bytes]):
    odd = FilePrediction(b"\xff.png".decode("utf-8", "surrogateescape"), "file", (0, 0, 0, 1), 0.5)
    write(None, fmt, [odd])
    print("still open")
    out = capfdbinary.readouterr().out
    assert out.endswith(b"still open\n")
    if fmt == "csv":
        assert out.splitlines()[1].startswith(b"\xff.png,file")
    else:
        assert json.loads(out.splitlines()[0])["file"] == odd.file


def test_nothing_is_left_of_a_table_that_broke_off(tmp_path: Path):
    with pytest.raises(OSError, match="full"), prediction_writer(tmp_path / "x.csv", "csv", CLASSES) as writer:
        writer.write(ROWS[0])
        raise OSError("full")
    assert list(tmp_path.iterdir()) == []


def test_the_format():
    assert find_format(None, None) == "csv" and find_format("jsonl", None) == "jsonl"
    assert find_format(None, Path("a.CSV")) == "csv" and find_format(None, Path("a.b.jsonl")) == "jsonl"
    assert find_format("csv", Path("a.txt")) == "csv"
    for name in ("a.txt", "a"):
        with pytest.raises(ConfigError, match="--format"):
            find_format(None, Path(name))
