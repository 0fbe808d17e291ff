"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


@contextmanager
def atomic_write(path: Path, *, durable: bool = False, only_writer: bool = False) -> Iterator[Path]:
    """A name beside ``path`` to write to; it becomes ``path`` at the end, or is removed if an error ends the block.

    The folder is made if there is none. The name keeps the path's ending, for those who choose a format by it.
    Raises: IsADirectoryError.

    Args:
        path: of the file.
        durable: wait until the disk has the file, so that a machine that loses its power has the old one or the new.
        only_writer: no other process writes this file. The name aside is then always the same, and what a killed
            process left there is overwritten the next time.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))  # before anything is computed
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.stem}.{'part' if only_writer else uuid4().hex}{path.suffix}")
    try:
        yield aside
        if durable:
            _flush(aside)
        aside.replace(path)
        if durable:
            _flush(path.parent)
    except OSError as error:
        # A full disk has no name in the error, and the name aside is not one that the user knows.
        if error.errno is not None and error.filename in (None, str(aside)):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        aside.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Wait until the disk has a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
