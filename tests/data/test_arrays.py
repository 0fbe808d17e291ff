"""The user's .npz: what is taken, and one line for each thing that is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ssgan.data import Arrays
from ssgan.errors import DataError
from tests.fake_data import write_arrays


def load(path: Path):
    return Arrays(path=str(path)).load()


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as error:
        load(path)
    assert str(error.value).startswith(str(path)) and "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("label_dtype", ["int64", "uint8", "int32"])
def test_colour_images_with_everything(tmp_path: Path, label_dtype: str) -> None:
    unlabelled = np.random.RandomState(0).randint(0, 256, (30, 16, 16, 3), dtype=np.uint8)
    classes = np.array([f"class {k}" for k in range(10)])
    arrays = write_arrays(tmp_path / "set.npz", x_unlabelled=unlabelled, classes=classes)
    np.savez(tmp_path / "set.npz", **arrays | {"y_train": arrays["y_train"].astype(label_dtype)})
    data = load(tmp_path / "set.npz")
    assert data.shape == (3, 16, 16) and data.classes == tuple(classes)
    for name, images in (("x_train", data.x_train), ("x_test", data.x_test), ("x_unlabelled", data.x_unlabelled)):
        assert images.is_contiguous()
        assert np.array_equal(images.permute(0, 2, 3, 1).numpy(), arrays[name])
    assert data.y_train.tolist() == arrays["y_train"].tolist()
    assert data.y_test.tolist() == arrays["y_test"].tolist()


def test_grey_images_without_a_channel_axis(tmp_path: Path) -> None:
    arrays = write_arrays(tmp_path / "set.npz")
    grey = {name: arrays[name][..., 0] for name in ("x_train", "x_test")}
    write_arrays(tmp_path / "set.npz", **grey)
    data = load(tmp_path / "set.npz")
    assert data.shape == (1, 16, 16) and data.classes == tuple("0123456789") and data.x_unlabelled is None
    assert np.array_equal(data.x_train[:, 0].numpy(), grey["x_train"])


@pytest.mark.parametrize("channels", [2, 4, 5])
def test_images_are_grey_or_rgb(tmp_path: Path, channels: int) -> None:
    images = np.zeros((40, 16, 16, channels), dtype=np.uint8)
    write_arrays(tmp_path / "set.npz", x_train=images, x_test=images)
    assert f"x_train must have 1 channel (grey) or 3 (RGB), but has {channels}" in refusal(tmp_path / "set.npz")


def test_names_of_classes_may_be_bytes(tmp_path: Path) -> None:
    names = [f"größe {k}" for k in range(10)]
    write_arrays(tmp_path / "set.npz", classes=np.array([name.encode() for name in names]))
    assert load(tmp_path / "set.npz").classes == tuple(names)


def test_missing_or_damaged_files(tmp_path: Path) -> None:
    assert "there is no such file" in refusal(tmp_path / "none.npz")
    write_arrays(tmp_path / "cut.npz")
    content = (tmp_path / "cut.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(content[:1000])
    assert "not a readable .npz file" in refusal(tmp_path / "cut.npz")
    (tmp_path / "flipped.npz").write_bytes(content[:5000] + bytes(50) + content[5050:])
    assert "not a readable .npz file" in refusal(tmp_path / "flipped.npz")
    (tmp_path / "text.npz").write_text("not arrays")
    assert refusal(tmp_path / "text.npz").endswith("text.npz: not a readable .npz file; numpy.savez writes one")
    (tmp_path / "empty.npz").touch()
    assert "not a readable .npz file" in refusal(tmp_path / "empty.npz")
    np.save(tmp_path / "single.npy", np.zeros(3))
    assert "a single array" in refusal(tmp_path / "single.npy")


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    write_arrays(tmp_path / "set.npz", classes=np.array([f"{k}" for k in range(10)], dtype=object))
    assert "classes holds Python objects; save numbers, or for classes text" in refusal(tmp_path / "set.npz")


def test_an_array_of_another_name_is_not_left_out_in_silence(tmp_path: Path) -> None:
    write_arrays(tmp_path / "set.npz", x_unlabeled=np.zeros((5, 16, 16, 3), np.uint8))
    assert "there is an array x_unlabeled in it; those that are read are x_train" in refusal(tmp_path / "set.npz")


IMAGES = np.zeros((200, 16, 16, 3), np.uint8)
LABELS = np.arange(200) % 10


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y_test": None, "x_test": None}, "there is no x_test, y_test in it, only x_train, y_train"),
        ({"x_train": IMAGES.astype(np.float32)}, "x_train must be uint8 (0..255), but is float32"),
        ({"x_train": IMAGES[0, 0]}, "x_train must have shape (N, H, W, C) or (N, H, W), but has (16, 3)"),
        ({"x_train": IMAGES.transpose(0, 3, 1, 2)}, "looks like (N, C, H, W)"),
        ({"x_train": IMAGES[:5]}, "y_train must have one label for each of the 5 images"),
        ({"x_test": IMAGES[:100, :8]}, "x_test has images of shape (3, 8, 16) (C, H, W), x_train of shape (3, 16, 16)"),
        ({"x_unlabelled": IMAGES[..., 0]}, "x_unlabelled has images of shape (1, 16, 16)"),
        ({"y_train": LABELS + 0.5}, "y_train must hold integers, but is float64"),
        ({"y_train": LABELS[:, None]}, "y_train must have shape (N,), but has (200, 1)"),
        (
            {"y_train": LABELS + 1},
            "y_train must hold each of the labels 0 to 9, but holds 1, 2, 3, 4, 5, 6, 7, 8, 9, 10",
        ),
        ({"y_train": LABELS - 1}, "y_train must hold each of the labels 0 to 9, but holds -1, 0"),
        ({"y_train": LABELS * 2}, "y_train must hold each of the labels 0 to 9, but holds 0, 2, 4"),
        ({"y_test": np.full(100, 10)}, "y_test must hold labels from 0 to 9, but holds 10 to 10"),
        ({"classes": np.array([["cat"], ["dog"]])}, "classes must have shape (K,), but has (2, 1)"),
        ({"classes": np.array("cat")}, "classes must have shape (K,), but has ()"),
        ({"classes": np.array([b"\xff"] * 10)}, "classes must be text or UTF-8"),
        ({"classes": np.array(["cat"] * 10)}, "there are several classes of the name cat"),
        ({"classes": np.array(["cat", "dog"])}, "y_train must hold each of the labels 0 to 1, but holds 0, 1, 2"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, changes: dict, message: str) -> None:
    write_arrays(tmp_path / "set.npz", **changes)
    assert message in refusal(tmp_path / "set.npz")
