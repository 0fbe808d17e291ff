"""The user's own image files in one folder, labelled by a table."""

from __future__ import annotations

import csv
import logging
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from ssgan.data.file_options import FileOptions, first_few, printable
from ssgan.data.image_files import holds_runs, image_files, left_out, subfolders
from ssgan.errors import ConfigError, DataError

if TYPE_CHECKING:
    from ssgan.data.images import ImageData

log = logging.getLogger(__name__)


class Row(NamedTuple):
    """A line of the table: its number, the file as it stands there, the label or "", and whether it is for the test."""

    line: int
    file: str
    label: str
    test: bool


@dataclass(kw_only=True)
class Table(FileOptions):
    """Image files of any size and mode; a table of text says which of them have a label.

    ::

        path/labels.csv         file,label,split
                                a.jpg,cat,train
                                more/b.jpg,dog,test
        path/**                 the images; those without a label in the table are unlabelled training images

    Files are named from ``path`` on, with or without their ending. The columns may stand in any order among others, and
    be separated by commas, semicolons or tabs. ``split`` is ``train`` or ``test``; without such a column, or with
    nothing in it, all labelled images are for training, and ``num_test`` sets some of them aside.
    """

    name: ClassVar[str] = "table"
    table: str = "labels.csv"
    """The table's file, from ``path`` on."""
    file: str = "file"
    """Name of the column of files."""
    label: str = "label"
    """Name of the column of labels."""
    split: str = "split"
    """Name of the column that says what is for the test; it may be absent."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.table:
            raise ConfigError("data.table is empty; name the file of labels")
        if len({self.file, self.label, self.split}) < 3:
            raise ConfigError("data.file, data.label and data.split must name three columns")

    def load(self) -> ImageData:
        """Read the table, then decode all images, or take them from the cache.

        Raises:
            DataError: the folder or the table is missing, a line of the table is wrong or names no image, or files are
                unreadable.
        """
        root = self.root_folder()
        place = root / Path(self.table).expanduser()
        rows = self._rows(place)
        others: Counter[str] = Counter()
        # Not the table, nor what runs have written if the command was given in this folder.
        runs = [root / name for name in subfolders(root) if holds_runs(root / name)]
        files = image_files(root, others=others, without={place, *runs})
        if others:
            log.warning("%s: %s", root, left_out(others))
        of_file = _matched(rows, files, root, place)
        classes = _classes(rows, place)
        tested = any(row.test for row in rows)
        self._check_test(tested, place)
        k, number = len(classes), {name: i for i, name in enumerate(classes)}
        groups = [
            k * row.test + number[row.label] if (row := of_file.get(file)) and row.label else 2 * k for file in files
        ]
        if 2 * k not in groups and self.num_labels is None:
            log.warning("%s: each image has a label in %s: training has the labelled ones alone", root, place.name)
        empty = [f"{place}: no image that is labelled {printable(name)} can be read" for name in classes]
        return self.decoded(root, files, groups, classes, empty)

    def _rows(self, place: Path) -> list[Row]:
        """The lines of the table."""
        try:
            with place.open(encoding="utf-8-sig", newline="") as opened:
                header = opened.readline()
                opened.seek(0)
                table = csv.DictReader(opened, delimiter=max(",;\t", key=header.count))
                columns = list(table.fieldnames or [])
                for option in ("file", "label"):
                    if (column := getattr(self, option)) not in columns:
                        has = f"it has {', '.join(columns)}" if columns else "it is empty"
                        raise DataError(
                            f"{place}: there is no column {column}; {has}. data.{option}=NAME says which it is"
                        )
                rows = [self._row(line, place, table.line_num) for line in table]
        except FileNotFoundError as error:
            raise DataError(
                f"{place}: there is no such file; data.table names the file of labels, from data.path on"
            ) from error
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise DataError(f"{place}: not a readable table ({getattr(error, 'strerror', None) or error})") from error
        return rows

    def _row(self, line: dict[str | None, Any], place: Path, number: int) -> Row:
        if None in line:  # where DictReader puts what is under no column
            raise DataError(
                f"{place}, line {number}: there are more values than columns; one that contains the separator is to be"
                ' in quotes, "a,b"'
            )
        file, label, split = ((line.get(column) or "").strip() for column in (self.file, self.label, self.split))
        if not file:
            raise DataError(f"{place}, line {number}: there is nothing in the column {self.file}")
        if split.lower() not in ("", "train", "test"):
            raise DataError(f"{place}, line {number}: {self.split} is {split}; it is train or test")
        test = split.lower() == "test"
        if test and not label:
            raise DataError(f"{place}, line {number}: an image for the test has no label")
        return Row(number, file, label, test)

    def _check_test(self, tested: bool, place: Path) -> None:
        """Refuse test images from two sources, and none."""
        if tested and self.num_test:
            raise DataError(
                f"{place} has images for the test: data.num_test={self.num_test} is for a table without them"
            )
        if not tested and not self.num_test:
            raise DataError(
                f"{place}: there are no test images; a column {self.split} that is test in some lines names them, or"
                " data.num_test=N sets N of the labelled ones aside"
            )


def _matched(rows: Sequence[Row], files: Sequence[str], root: Path, place: Path) -> dict[str, Row]:
    """The line of each file that has one."""
    by_name: dict[str, list[str]] = {}
    for file in files:
        for name in {file, os.path.splitext(file)[0]}:
            by_name.setdefault(name, []).append(file)
    found: dict[str, Row] = {}
    missing = []
    for row in rows:
        name = os.path.normpath(os.path.relpath(row.file, root) if os.path.isabs(row.file) else row.file)
        named = by_name.get(name, [])
        if name in named:
            named = [name]  # and not another one that has it without an ending
        if len(named) > 1:
            raise DataError(f"{place}, line {row.line}: {row.file} may be {' or '.join(named)}; write the ending too")
        if not named:
            missing.append(printable(row.file))
            continue
        if (earlier := found.setdefault(named[0], row)) is not row:
            raise DataError(f"{place}, line {row.line}: {row.file} stands in line {earlier.line} already")
    if missing:
        raise DataError(
            f"{place}: of {len(rows)} files in it {len(missing)} are no images in {root}: {first_few(missing)}"
        )
    return found


def _classes(rows: Sequence[Row], place: Path) -> list[str]:
    """Names of the classes: numbers in their order, others in that of the alphabet."""
    classes = {row.label for row in rows if row.label and not row.test}
    if len(classes) < 2:
        found = f"only {', '.join(classes)}" if classes else "none"
        raise DataError(f"{place}: there must be labelled training images of at least 2 classes, but there is {found}")
    if unknown := sorted({row.label for row in rows if row.test} - classes):
        raise DataError(f"{place}: there is a test image of the class {unknown[0]}, but no training image of it")
    in_order = sorted(classes)
    return sorted(in_order, key=int) if all(name.isdecimal() for name in classes) else in_order
