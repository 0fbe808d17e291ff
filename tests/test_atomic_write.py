"""Files that are whole or not there."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest

from ssgan.atomic_write import atomic_write


def test_the_file_appears_at_the_end(tmp_path: Path):
    path = tmp_path / "new" / "table.csv"
    with atomic_write(path) as aside:
        aside.write_text("half")
        assert not path.exists() and aside.suffix == ".csv"
    assert path.read_text() == "half" and list(path.parent.iterdir()) == [path]


def test_after_an_error_the_old_file_is_there_still(tmp_path: Path):
    path = tmp_path / "table.csv"
    path.write_text("old")

    def fail() -> None:
        with atomic_write(path) as aside:
            aside.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_two_at_once_do_not_share_a_name(tmp_path: Path):
    """Threads, or containers on a shared disk, in each of which the process has the same number."""
    path = tmp_path / "table.csv"
    with atomic_write(path) as one:
        one.write_text("one")
        with atomic_write(path) as other:
            other.write_text("other")
        assert path.read_text() == "other" and one.read_text() == "one"
    assert path.read_text() == "one" and list(tmp_path.iterdir()) == [path]


def test_a_folder_of_that_name_is_noticed_before_anything_is_computed(tmp_path: Path):
    with pytest.raises(IsADirectoryError, match="Is a directory"), atomic_write(tmp_path):
        pytest.fail("the block was entered")


@pytest.mark.parametrize("named", [True, False])
def test_an_error_of_the_disk_names_the_file_that_was_meant(named: bool, tmp_path: Path):
    path = tmp_path / "table.csv"

    def fail() -> None:
        with atomic_write(path) as aside:
            raise OSError(errno.ENOSPC, "No space left on device", *([str(aside)] if named else []))

    with pytest.raises(OSError, match="No space left on device") as error:
        fail()
    assert error.value.filename == str(path)


def test_other_errors_stay_as_they_are(tmp_path: Path):
    for raised in (OSError("a library's own"), FileNotFoundError(errno.ENOENT, "No such file", "other.csv")):
        said = str(raised)
        with pytest.raises(OSError, match=re.escape(said)), atomic_write(tmp_path / "table.csv"):
            raise raised
