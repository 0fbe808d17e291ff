"""Which files of a folder are images."""

from __future__ import annotations

from pathlib import Path

from ssgan.data.image_files import image_files


def test_images_by_their_ending_hidden_ones_left_out(tmp_path: Path):
    for name in ("b.PNG", "a.jpeg", "notes.txt", ".hidden.png", "sub/c.webp", ".thumbs/d.png", "sub/e"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    assert image_files(tmp_path) == ["a.jpeg", "b.PNG", "sub/c.webp"]
    assert image_files(tmp_path, "sub") == ["sub/c.webp"]
    assert image_files(tmp_path, "nowhere") == []
