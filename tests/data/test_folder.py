"""Folders of the user's images: structure, unreadable files, and the cache of decoded images."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ssgan.data.decoded
from ssgan.data import Folder
from ssgan.errors import DataError


def paint(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (20, 30), mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).convert(mode).save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three red cats, two green dogs, one unlabelled image of each colour; two cats and one dog to test."""
    root = tmp_path / "images"
    for name in ("a.png", "b.jpg", "deeper/c.PNG"):
        paint(root / "cat" / name, (250, 0, 0))
    paint(root / "dog" / "a.bmp", (0, 250, 0), size=(100, 10))
    paint(root / "dog" / "b.gif", (0, 250, 0), mode="P")
    paint(root / "unlabelled" / "a.png", (250, 0, 0))
    paint(root / "unlabelled" / "x" / "y" / "a.png", (0, 250, 0))
    paint(root / "test" / "cat" / "a.png", (250, 0, 0))
    paint(root / "test" / "cat" / "b.png", (250, 0, 0))
    paint(root / "test" / "dog" / "a.png", (0, 250, 0))
    return root


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are really decoded."""
    names: list[str] = []
    decode = ssgan.data.decoded.decode

    def recorded(path: Path, *args: object) -> np.ndarray:
        names.append(path.name)
        return decode(path, *args)

    monkeypatch.setattr(ssgan.data.decoded, "decode", recorded)
    return names


def load(root: Path, **options: object):
    return Folder(path=str(root), image_size=8, **options).load()


def refusal(root: Path, **options: object) -> str:
    with pytest.raises(DataError) as error:
        load(root, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def colours(images) -> list[int]:
    """0 for each red image, 1 for each green one."""
    means = images.float().mean((2, 3))
    assert (means.max(1).values > 230).all()
    return means.argmax(1).tolist()


def test_labels_are_the_folders_names(root: Path) -> None:
    data = load(root)
    assert data.classes == ("cat", "dog") and data.shape == (3, 8, 8)
    assert data.y_train.tolist() == colours(data.x_train) == [0, 0, 0, 1, 1]
    assert data.y_test.tolist() == colours(data.x_test) == [0, 0, 1]
    assert colours(data.x_unlabelled) == [0, 1]


def test_grey_and_other_names(root: Path) -> None:
    (root / "unlabelled").rename(root / "more")
    (root / "test").rename(root / "held out")
    data = load(root, unlabelled="more", test="held out", channels=1)
    assert data.shape == (1, 8, 8) and len(data.x_unlabelled) == 2 and data.classes == ("cat", "dog")


def test_no_unlabelled_images(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    shutil.rmtree(root / "unlabelled")
    assert load(root).x_unlabelled is None
    assert [message.partition(": ")[2] for message in caplog.messages] == [
        "no images in 'unlabelled': training has the labelled ones alone"
    ]
    (root / "unlabelled").mkdir()
    assert load(root).x_unlabelled is None


def test_hidden_files_and_other_files_are_ignored(root: Path) -> None:
    (root / "cat" / ".DS_Store").write_text("x")
    (root / "cat" / "._a.png").write_text("x")
    (root / "cat" / "notes.txt").write_text("x")
    (root / "README.md").write_text("x")
    (root / ".hidden").mkdir()
    (root / "dog" / ".thumbnails").mkdir()
    (root / "dog" / ".thumbnails" / "a.png").write_text("x")
    assert len(load(root).x_train) == 5


def test_linked_class_folders_are_followed(root: Path, tmp_path: Path) -> None:
    (root / "cat").rename(tmp_path / "elsewhere")
    (root / "cat").symlink_to(tmp_path / "elsewhere")
    assert load(root).y_train.tolist() == [0, 0, 0, 1, 1]


def test_files_that_are_left_out_are_said(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("cat/a.heic", "unlabelled/b.HEIC", "test/dog/notes.txt"):
        (root / name).touch()
    load(root)
    assert caplog.messages == [
        f"{root}: left out files that are no images by their ending: 2 .heic, 1 .txt; convert .heic files to JPEG"
    ]


def test_images_outside_of_the_classes_are_said(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("a.png", "b.JPG", "test/c.png", "notes.txt"):
        (root / name).touch()
    load(root)
    assert caplog.messages == [
        f"{root}: left out 2 images that lie in no folder of a class; those without a label belong in unlabelled/",
        f"{root / 'test'}: left out 1 images that lie in no folder of a class",
    ]


@pytest.mark.parametrize("run", ["outputs/2026-01-31/12-00-00", "multirun/2026-01-31/12-00-00/trick-none", "mine"])
def test_runs_that_lie_beside_the_classes_are_no_class(root: Path, run: str) -> None:
    (root / run / ".hydra").mkdir(parents=True)
    assert load(root).classes == ("cat", "dog")


def test_names_that_are_not_utf_8_are_written_out(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    for folder in ("cat", "test/cat"):
        (root / folder).rename((root / folder).with_name("caf\udce9"))
    (root / "dog" / "\udce9.png").write_text("text")
    assert load(root, unreadable="skip").classes == (r"caf\udce9", "dog")
    assert caplog.messages == [rf"{root}: skipped 1 unreadable image: dog/\udce9.png (not an image)"]


def test_a_folder_of_unlabelled_images_by_another_name_is_guessed(root: Path) -> None:
    (root / "unlabelled").rename(root / "Unlabeled")
    assert refusal(root).endswith(f"which {root} has; are its images unlabelled? data.unlabelled=Unlabeled")


@pytest.mark.parametrize(
    ("remove", "message"),
    [
        (".", "there is no such folder; data.path"),
        ("cat", "at least 2 class folders of labelled images, but there is only dog"),
        ("test", "there is no such folder; test images belong there"),
        ("test/dog", "the class folder dog is missing"),
    ],
)
def test_missing_folders(root: Path, remove: str, message: str) -> None:
    shutil.rmtree(root / remove)
    assert message in refusal(root)


def test_a_test_class_that_training_does_not_have(root: Path) -> None:
    (root / "test" / "bird").mkdir()
    assert "there is a class folder bird" in refusal(root)


@pytest.mark.parametrize("folder", ["dog", "test/dog"])
def test_empty_classes(root: Path, folder: str) -> None:
    shutil.rmtree(root / folder)
    (root / folder).mkdir()
    endings = ".bmp, .gif, .jfif, .jpe, .jpeg, .jpg, .pbm, .pgm, .png, .ppm, .tif, .tiff, .webp"
    assert (
        refusal(root) == f"{root / folder}: there is no readable image in this folder, by its ending one of {endings}"
    )


def test_unreadable_files_are_refused_by_name(root: Path) -> None:
    for i in range(7):
        (root / "cat" / f"bad{i}.png").write_text("x")
    message = refusal(root)
    assert "7 unreadable images" in message and "cat/bad0.png (not an image)" in message and "and 2 more" in message
    assert "data.unreadable=skip" in message


def test_unreadable_files_are_skipped_with_a_warning_each_time(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    bad = [root / folder / "bad.png" for folder in ("cat", "test/dog", "unlabelled")]
    for file in bad:
        file.write_text("x")
    for _ in range(2):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            data = load(root, unreadable="skip")
        assert data.y_train.tolist() == colours(data.x_train) == [0, 0, 0, 1, 1]
        assert data.y_test.tolist() == colours(data.x_test) == [0, 0, 1]
        assert colours(data.x_unlabelled) == [0, 1]
        assert len(caplog.messages) == 1
        assert all(str(file.relative_to(root)) in caplog.messages[0] for file in bad)
    assert "3 unreadable images" in refusal(root), "what was skipped must still be refused when asked to"


def test_a_class_of_unreadable_files_only(root: Path) -> None:
    for file in (root / "dog").iterdir():
        file.write_text("x")
    assert "no readable image" in refusal(root, unreadable="skip")


def test_decoded_once(root: Path, decoded: list[str]) -> None:
    first = load(root)
    assert len(decoded) == 10
    again = load(root)
    assert len(decoded) == 10
    for name in ("x_train", "y_train", "x_unlabelled", "x_test", "y_test"):
        assert getattr(first, name).equal(getattr(again, name))


@pytest.mark.parametrize(
    "options",
    [{"channels": 1}, {"resize": "squash"}, {"test": "test2"}, {"image_size": 9}],
    ids=lambda x: next(iter(x)),
)
def test_other_options_are_decoded_anew(root: Path, decoded: list[str], options: dict) -> None:
    load(root)
    shutil.copytree(root / "test", root / "test2")
    shutil.rmtree(root / "test") if "test" in options else shutil.rmtree(root / "test2")
    Folder(path=str(root), **{"image_size": 8, **options}).load()
    assert len(decoded) == 20


def test_changed_files_are_decoded_anew(root: Path, decoded: list[str]) -> None:
    load(root)
    paint(root / "cat" / "a.png", (240, 0, 0))
    os.utime(root / "cat" / "a.png", (1, 1))
    assert load(root).x_train[0, 0].float().mean() == 240
    assert len(decoded) == 20
    (root / "cat" / "a.png").unlink()
    assert len(load(root).x_train) == 4


def test_a_mended_permission_is_noticed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decode = ssgan.data.decoded.decode

    def refused(path: Path, *args: object) -> np.ndarray:
        if path == root / "cat" / "a.png":
            raise ssgan.data.decoded.UnreadableImageError("Permission denied")
        return decode(path, *args)

    monkeypatch.setattr(ssgan.data.decoded, "decode", refused)
    assert "cat/a.png (Permission denied)" in refusal(root)
    monkeypatch.setattr(ssgan.data.decoded, "decode", decode)
    assert colours(load(root).x_train) == [0, 0, 0, 1, 1]


def test_a_damaged_cache_is_rebuilt(root: Path, cache_home: Path, decoded: list[str]) -> None:
    expected = load(root).x_train
    (entry,) = (path for path in (cache_home / "ssgan" / "folders").iterdir())
    content = entry.read_bytes()
    for damaged in (b"", b"not arrays", content[: len(content) // 2], content[:400] + bytes(99) + content[499:]):
        entry.write_bytes(damaged)
        decoded.clear()
        assert load(root).x_train.equal(expected)
        assert len(decoded) == 10
        assert entry.read_bytes() == content
    assert list(entry.parent.iterdir()) == [entry], "no temporary files remain"


def test_a_cache_that_cannot_be_written(root: Path, cache_home: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache_home.touch()
    with caplog.at_level(logging.WARNING):
        assert len(load(root).x_train) == 5
    assert "not kept for the next run" in caplog.text


def test_an_interrupted_write_leaves_nothing(root: Path, cache_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ssgan.data.decoded.np, "savez", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load(root)
    assert list((cache_home / "ssgan" / "folders").iterdir()) == []
