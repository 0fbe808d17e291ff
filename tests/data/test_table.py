"""Images in one folder, labelled by a table."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

import pytest

from ssgan.data import Table
from ssgan.errors import ConfigError
from tests.data import painted
from tests.data.painted import colours, paint

RED, GREEN = (250, 0, 0), (0, 250, 0)

load, refusal = partial(painted.load, source=Table), partial(painted.refusal, source=Table)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three red images and two green ones with a label, one of each to test, two without."""
    folder = tmp_path / "photos"
    for name in ("a.png", "more/b.jpg", "more/c.PNG", "test a.png", "u1.png"):
        paint(folder / name, RED)
    for name in ("d.bmp", "e.gif", "more/test b.png", "more/deeper/u2.png"):
        paint(folder / name, GREEN)
    table(folder, "a.png,cat,train", "more/b.jpg,cat,", "d.bmp,dog,train", "test a.png,cat,test",
          "more/c.PNG,cat,train", "more/test b.png,dog,TEST", "e.gif,dog,")  # fmt: skip
    return folder


def table(folder: Path, *lines: str, header: str = "file,label,split", name: str = "labels.csv") -> None:
    (folder / name).write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")


def test_labels_and_the_test_set_are_those_of_the_table(root: Path) -> None:
    data = load(root)
    assert data.classes == ("cat", "dog") and data.shape == (3, 8, 8)
    assert sorted(data.y_train.tolist()) == [0, 0, 0, 1, 1] and data.y_train.tolist() == colours(data.x_train)
    assert sorted(data.y_test.tolist()) == [0, 1] and data.y_test.tolist() == colours(data.x_test)
    assert sorted(colours(data.x_unlabelled)) == [0, 1]


def test_other_columns_separators_and_a_mark_at_the_start(root: Path) -> None:
    text = "Class;row;Image name;other\ncat;1;a.png;x\ncat;2;u1.png;x\ndog;3;d.bmp;y\ndog;4;e.gif;y\n;5;more/c;z"
    (root / "lists").mkdir()
    (root / "lists" / "some.txt").write_bytes(b"\xef\xbb\xbf" + text.encode())
    data = load(root, table="lists/some.txt", file="Image name", label="Class", num_test=2)
    assert (len(data.x_train), len(data.x_test), len(data.x_unlabelled)) == (2, 2, 5)
    assert data.y_train.tolist() == colours(data.x_train)


def test_numbers_are_classes_in_their_order_and_endings_may_be_left_out(root: Path) -> None:
    table(root, "a,2,", "more/b,2,", "d,10,", "e,10,", header="id,breed,fold")
    data = load(root, file="id", label="breed", num_test=2)
    assert data.classes == ("2", "10") and data.y_train.tolist() == colours(data.x_train) == [0, 1]
    assert data.y_test.tolist() == [0, 1] and len(data.x_unlabelled) == 5


def test_numbers_that_are_equal_are_classes_of_their_own_in_one_order(root: Path) -> None:
    table(root, "a,1", "more/b,1", "d,01", "e,01", header="file,label")
    assert load(root, num_test=2).classes == ("01", "1")


def test_a_table_elsewhere_and_whole_paths(root: Path, tmp_path: Path) -> None:
    table(tmp_path, f"{root}/a.png,cat,", f"{root}/d.bmp,dog,", "./more/../e.gif,dog,", "u1.png,cat,", name="mine.csv")
    data = load(root, table=str(tmp_path / "mine.csv"), num_test=2)
    assert len(data.x_train) == 2 and len(data.x_unlabelled) == 5


def test_of_two_images_with_a_name_the_ending_decides(root: Path) -> None:
    paint(root / "a.jpg", GREEN)
    table(root, "a,cat,", "d,dog,test")
    assert "labels.csv, line 2: a may be a.jpg or a.png; write the ending too" in refusal(root)
    table(root, "a.png,cat,", "a.jpg,dog,", "d,dog,test")
    data = load(root)
    assert data.y_train.tolist() == colours(data.x_train)
    paint(root / "a.png.jpg", GREEN)
    assert load(root).y_train.tolist() == colours(data.x_train), "a.png is that one"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["a.png,cat,", "d.bmp,dog,"], "there are no test images; a column split that is test in some lines"),
        (["a.png,cat,", "d.bmp,cat,test"], "at least 2 classes, but there is only cat"),
        (["a.png,,", "d.bmp,,"], "at least 2 classes, but there is none"),
        (["a.png,cat,", "d.bmp,dog,", "e.gif,cow,test"], "a test image of the class cow, but no training image of it"),
        (["a.png,cat,", "d.bmp,dog,", "a,dog,test"], "labels.csv, line 4: a stands in line 2 already"),
        (["a.png,cat,", "d.bmp,dog,", "e.gif,,test"], "line 4: an image for the test has no label"),
        (["a.png,cat,", "d.bmp,dog,", "e.gif,dog,valid"], "line 4: split is valid; it is train or test"),
        (["a.png,cat,", "d.bmp,dog,,", "e.gif,big, black dog,test"], "line 3: there are more values than columns; one"),
        (["a.png,cat,", ",dog,"], "line 3: there is nothing in the column file"),
        (["a.png,cat,", "d.bmp,dog,", "x,dog,test", "y.png,cat,"], "of 4 files in it 2 are no images in "),
        ([f"{i}.png,{i % 2}," for i in range(7)], ": 0.png, 1.png, 2.png, 3.png, 4.png and 2 more"),
    ],
)
def test_a_wrong_table_is_refused_in_one_line(lines: list[str], said: str, root: Path) -> None:
    table(root, *lines)
    assert said in refusal(root)


def test_missing_places_and_columns_are_named(root: Path) -> None:
    assert "there is no such folder; data.path" in refusal(root / "nowhere")
    assert "nothing.csv: there is no such file; data.table names" in refusal(root, table="nothing.csv")
    assert "no column name; it has file, label, split. data.file=NAME says which it is" in refusal(root, file="name")
    assert "no column class; it has" in refusal(root, label="class")
    (root / "labels.csv").write_text("")
    assert "no column file; it is empty" in refusal(root)
    (root / "labels.csv").write_bytes(b"file,label\n\xff\xfe,cat\n")
    assert "labels.csv: not a readable table" in refusal(root)


def test_test_images_come_from_one_source(root: Path) -> None:
    assert "has images for the test: data.num_test=2 is for a table without them" in refusal(root, num_test=2)


def test_unreadable_images_are_named_or_left_out(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    (root / "a.png").write_text("no image")
    assert "1 unreadable image: a.png (" in refusal(root)
    assert len(load(root, unreadable="skip").x_train) == 4 and "skipped 1 unreadable image" in caplog.text
    for name in ("d.bmp", "e.gif"):
        (root / name).write_text("no image")
    assert "no image that is labelled dog can be read" in refusal(root, unreadable="skip")


def test_without_a_readable_test_image_there_is_no_test(root: Path) -> None:
    for name in ("test a.png", "more/test b.png"):
        (root / name).write_text("no image")
    assert "test" in refusal(root, unreadable="skip")


def test_what_is_not_trained_on_is_said(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    (root / "notes.heic").write_text("x")
    load(root)
    assert "by their ending: 1 .heic; convert .heic files to JPEG" in caplog.text
    caplog.clear()
    for name in ("u1.png", "more/deeper/u2.png"):
        (root / name).unlink()
    with caplog.at_level(logging.WARNING):
        assert load(root).x_unlabelled is None
    assert "each image has a label in labels.csv: training has the labelled ones alone" in caplog.text
    caplog.clear()
    assert load(root, num_labels=2).x_unlabelled is None and not caplog.messages[1:], "the other ones are unlabelled"


def test_samples_that_a_run_has_written_are_no_images(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    paint(root / "outputs" / "2026-01-31" / "12-00-00" / "samples" / "0001.png", RED)
    (root / "outputs" / "2026-01-31" / "12-00-00" / ".hydra").mkdir()
    (root / "outputs" / "2026-01-31" / "12-00-00" / "result.json").touch()
    assert len(load(root).x_unlabelled) == 2 and not caplog.messages


@pytest.mark.parametrize("options", [{"table": ""}, {"file": "x", "label": "x"}, {"label": "split"}])
def test_wrong_options_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"^data\.(table|file)"):
        Table(path="x", **options)
