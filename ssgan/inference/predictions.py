"""Predictions of image files as CSV or JSON lines."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol, TextIO

from ssgan.atomic_write import atomic_write
from ssgan.errors import ConfigError

#: What a table of predictions can be, which is also the ending of its file's name.
FORMATS = ("csv", "jsonl")


class FilePrediction(NamedTuple):
    """What is predicted of a file: the class's name, the probability of each class, and D(x)."""

    file: str
    label: str
    probabilities: Sequence[float]
    realness: float


class Writer(Protocol):
    """Writes predictions one after the other."""

    def write(self, prediction: FilePrediction) -> None:
        """Write one."""


class CSVWriter:
    """Columns ``file``, ``label``, ``p(<class>)`` for each class, ``realness``; without a row nothing is written."""

    def __init__(self, file: TextIO, classes: Sequence[str]) -> None:
        self._writer = csv.writer(file, lineterminator="\n")
        self._header = ["file", "label", *(f"p({name})" for name in classes), "realness"]

    def write(self, prediction: FilePrediction) -> None:
        """Write a row."""
        if self._header:
            self._writer.writerow(self._header)
            self._header = []
        numbers = [f"{p:.6g}" for p in (*prediction.probabilities, prediction.realness)]
        self._writer.writerow([prediction.file, prediction.label, *numbers])


class JSONLinesWriter:
    """An object in each line: ``file``, ``label``, ``probabilities`` by class, ``realness``."""

    def __init__(self, file: TextIO, classes: Sequence[str]) -> None:
        self._file = file
        self._classes = classes

    def write(self, prediction: FilePrediction) -> None:
        """Write a line."""
        numbers = [float(f"{p:.6g}") for p in prediction.probabilities]
        row = {
            "file": prediction.file,
            "label": prediction.label,
            "probabilities": dict(zip(self._classes, numbers, strict=True)),
            "realness": float(f"{prediction.realness:.6g}"),
        }
        self._file.write(json.dumps(row, ensure_ascii=False) + "\n")


def find_format(given: str | None, out: Path | None) -> str:
    """The format that is asked for: by name, by the file's ending, or CSV on the terminal.

    Raises:
        ConfigError: the file's ending says nothing.
    """
    if given or out is None:
        return given or "csv"
    ending = out.suffix.lower().removeprefix(".")
    if ending not in FORMATS:
        raise ConfigError(f"--out {out}: name it *.csv or *.jsonl, or say which with --format")
    return ending


@contextmanager
def prediction_writer(out: Path | None, fmt: str, classes: Sequence[str]) -> Iterator[Writer]:
    """A writer to a file, which appears when the block ends without an error, or to the standard output.

    Text is UTF-8. A file name that is not keeps its bytes in CSV; in JSON they are escaped.
    """
    errors = "surrogateescape" if fmt == "csv" else "backslashreplace"
    with ExitStack() as stack:
        file: TextIO
        if out is None:
            file = io.TextIOWrapper(sys.stdout.buffer, "utf-8", errors, newline="")
            stack.callback(file.detach)  # sys.stdout stays open
        else:
            aside = stack.enter_context(atomic_write(out))
            file = stack.enter_context(aside.open("w", encoding="utf-8", errors=errors, newline=""))
        yield CSVWriter(file, classes) if fmt == "csv" else JSONLinesWriter(file, classes)
