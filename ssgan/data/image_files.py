"""Which files of a folder are images."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection
from pathlib import Path

from ssgan.errors import DataError

EXTENSIONS = frozenset(
    {".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
)
"""File name endings, in lower case, that count as images."""


def image_files(
    root: Path, folder: str = "", others: Counter[str] | None = None, without: Collection[Path] = ()
) -> list[str]:
    """Paths, relative to ``root``, of the image files in ``root / folder`` and its subfolders, sorted.

    Hidden files and folders are left out. Links to folders are followed, but each folder is entered once, and none that
    the search is inside of. There are none if the folder does not exist.

    Args:
        root: where paths begin.
        folder: below it.
        others: gets the endings of the files that are left out for theirs, and how many of each there are.
        without: files and folders that are left out, as they are found below ``root``.

    Raises:
        DataError: a folder cannot be read.
    """
    found = []
    top = (root / folder).resolve()
    entered = {top, *top.parents}
    for directory, subfolders, names in os.walk(root / folder, followlinks=True, onerror=_refuse):
        subfolders[:] = [
            name for name in subfolders if not name.startswith(".") and Path(directory, name) not in without
        ]
        subfolders.sort(key=lambda name: os.path.islink(os.path.join(directory, name)))  # a folder before links to it
        for name in list(subfolders):
            real = Path(directory, name).resolve()
            if real in entered:
                subfolders.remove(name)
            entered.add(real)
        for name in names:
            ending = os.path.splitext(name)[1].lower()
            if ending in EXTENSIONS and not name.startswith("."):
                found.append(os.path.relpath(os.path.join(directory, name), root))
            elif others is not None and not name.startswith(".") and Path(directory, name) not in without:
                others[ending or "no ending"] += 1
    return sorted(found)


def _refuse(error: OSError) -> None:
    """Refuse what os.walk would leave out in silence."""
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise DataError(f"{error.filename} cannot be read: {error.strerror}") from error


def subfolders(folder: Path) -> list[str]:
    """Names of the folders in a folder, sorted, without hidden ones."""
    return sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def holds_runs(folder: Path) -> bool:
    """Whether it is Hydra's ``outputs`` or ``multirun``, which lie here if the command was given in this folder."""
    return any(next(folder.glob(f"{below}.hydra"), None) for below in ("", "*/", "*/*/", "*/*/*/"))


def left_out(others: Counter[str]) -> str:
    """What to say of files that are left out: ``5 .heic, 1 .txt``, and what helps."""
    endings = ", ".join(f"{count} {ending}" for ending, count in sorted(others.items()))
    heic = "; convert .heic files to JPEG" if ".heic" in others else ""
    return f"left out files that are no images by their ending: {endings}{heic}"
