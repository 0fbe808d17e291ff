"""Which files of a folder are images."""

from __future__ import annotations

import errno
import os
from collections import Counter
from pathlib import Path

import pytest

from ssgan.data.image_files import image_files
from ssgan.errors import DataError


def test_images_by_their_ending_hidden_ones_left_out(tmp_path: Path):
    for name in ("b.PNG", "a.jpeg", "notes.txt", ".hidden.png", "sub/c.webp", ".thumbs/d.png", "sub/e"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    assert image_files(tmp_path) == ["a.jpeg", "b.PNG", "sub/c.webp"]
    assert image_files(tmp_path, "sub") == ["sub/c.webp"]
    assert image_files(tmp_path, "nowhere") == []


def test_what_is_left_out_for_its_ending_is_counted(tmp_path: Path):
    for name in ("a.jfif", "b.HEIC", "c.heic", "notes", ".hidden.heic"):
        (tmp_path / name).touch()
    others: Counter[str] = Counter()
    assert image_files(tmp_path, others=others) == ["a.jfif"]
    assert others == {".heic": 2, "no ending": 1}


def test_a_folder_that_cannot_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """os.walk would go on without it."""
    scandir = os.scandir

    def refuse(folder: str) -> object:
        if str(folder).endswith("cat"):
            raise PermissionError(errno.EACCES, "Permission denied", str(folder))
        return scandir(folder)

    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match=r"cat cannot be read: Permission denied$"):
        image_files(tmp_path)


def test_a_linked_folder_is_entered_once_and_a_loop_not_at_all(tmp_path: Path):
    for name in ("inside/real/a.png", "inside/b.png", "elsewhere/c.png", "d.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    inside = tmp_path / "inside"
    for link, target in (
        ("again", "real"),
        ("self", "."),
        ("up", ".."),
        ("first", "../elsewhere"),
        ("second", "first"),
    ):
        (inside / link).symlink_to(target)
    assert image_files(tmp_path, "inside") == ["inside/b.png", "inside/first/c.png", "inside/real/a.png"]
