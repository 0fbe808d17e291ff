"""Which files of a folder are images."""

from __future__ import annotations

import os
from pathlib import Path

EXTENSIONS = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
"""File name endings, in lower case, that count as images."""


def image_files(root: Path, folder: str = "") -> list[str]:
    """Paths, relative to ``root``, of the image files in ``root / folder`` and its subfolders, sorted.

    Hidden files and folders are left out. There are none if the folder does not exist.
    """
    found = []
    for directory, subfolders, names in os.walk(root / folder, followlinks=True):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        found += [
            os.path.relpath(os.path.join(directory, name), root)
            for name in names
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in EXTENSIONS
        ]
    return sorted(found)
