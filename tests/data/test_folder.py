"""Folders of the user's images: structure, and unreadable files."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest

from ssgan.errors import ConfigError
from tests.data.painted import colours, load, paint, paint_folder, refusal


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return paint_folder(tmp_path / "images")


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
    caplog.clear()
    assert load(root, num_labels=2).x_unlabelled is None and not caplog.messages, (
        "the other three images are unlabelled"
    )
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


def test_test_images_are_taken_from_the_labelled_ones(root: Path) -> None:
    shutil.rmtree(root / "test")
    assert "or data.num_test=N sets N of the labelled ones aside" in refusal(root)
    for i in range(4):  # all images differ
        paint(root / "cat" / f"{i}.png", (240 + i, 0, 0))
        paint(root / "dog" / f"{i}.png", (0, 240 + i, 0))
    (root / "cat" / "bad.png").write_text("x")
    whole, data = (load(root, num_test=n, unreadable="skip") for n in (2, 4))
    assert data.classes == ("cat", "dog")
    assert data.y_test.tolist() == colours(data.x_test) == [0, 0, 1, 1]
    assert data.y_train.tolist() == colours(data.x_train) == [0] * 5 + [1] * 4
    assert colours(data.x_unlabelled) == [0, 1]
    every = [sorted(image.numpy().tobytes() for image in [*d.x_train, *d.x_test]) for d in (whole, data)]
    assert every[0] == every[1] and len(every[0]) == 13
    again = load(root, num_test=4, unreadable="skip", seed=2)
    assert again.checksum() == data.checksum(), "the same ones for each split"


def test_a_test_set_is_taken_only_where_there_is_none(root: Path) -> None:
    assert "test is there: data.num_test=2 is for a folder without test images" in refusal(root, num_test=2)
    shutil.rmtree(root / "test")
    with pytest.raises(ConfigError, match=r"takes 2 images of each class, but class 1 \(dog\) has 2$"):
        load(root, num_test=4)
    (root / "unlabelled").rename(root / "Unlabeled")
    assert refusal(root, num_test=2).endswith(
        "Unlabeled: if its images have no label, data.unlabelled=Unlabeled says so"
    )


def test_parts_of_a_data_set_are_no_classes(root: Path) -> None:
    (root / "test").rename(root / "Test")
    assert refusal(root, num_test=2).endswith(
        "Test would be a class but holds folders of classes; if they are the test images, data.test=Test without"
        " data.num_test says so"
    )
    assert load(root, test="Test").classes == ("cat", "dog")
    (root / "Test").rename(root / "train")
    for name in ("cat", "dog"):
        (root / name).rename(root / "train" / f"{name} again")
    (root / "val" / "cat").mkdir(parents=True)
    assert "train and val are no classes; class folders lie in data.path itself" in refusal(root, num_test=2)


def test_a_train_may_be_a_class(root: Path) -> None:
    shutil.rmtree(root / "test")
    (root / "cat").rename(root / "train")
    (root / "train" / "steam").mkdir()
    paint(root / "train" / "steam" / "a.png", (240, 0, 0))
    assert load(root, num_test=2).classes == ("dog", "train")


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
