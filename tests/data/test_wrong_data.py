"""Data that a run refuses: other than they were when it began, or such as cannot be right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ssgan.errors import ConfigError, DataError
from tests.fake_data import write_arrays
from tests.runs import SHORT, train

ARRAYS = (*SHORT, "data=arrays", "model=mlp_small", "optim=digits", "data.num_labels=20")


@pytest.mark.parametrize("changed", ["x_train", "y_train", "x_test", "y_test", "x_unlabelled"])
def test_a_run_does_not_go_on_with_other_data(changed: str, tmp_path: Path):
    path = tmp_path / "mine.npz"
    arrays = write_arrays(path)
    train(tmp_path / "run", *ARRAYS, f"data.path={path}", "trainer.max_iterations=2")
    other = arrays["x_train"] if changed == "x_unlabelled" else arrays[changed].copy()
    if changed != "x_unlabelled":
        other[0] = (other[0] + 1) % 10
    write_arrays(path, **{changed: other})
    resume = f"ckpt_path={tmp_path / 'run' / 'checkpoints' / 'last.ckpt'}"
    with pytest.raises(DataError, match=r"cannot resume .*other images or labels now") as error:
        train(tmp_path / "run", *ARRAYS, f"data.path={path}", resume)
    assert "\n" not in str(error.value)
    write_arrays(path)
    assert train(tmp_path / "run", *ARRAYS, f"data.path={path}", resume)["iterations"] == 6


IMAGES, LABELS = np.zeros((200, 16, 16, 3), np.uint8), np.arange(200) % 10
WRONG_ARRAYS = {
    "values that are not numbers": ({"x_train": np.full(IMAGES.shape, np.nan, np.float32)}, "x_train must be uint8"),
    "labels that are not numbers": ({"y_train": np.full(200, np.nan)}, "y_train must hold integers"),
    "a class without images": ({"y_train": LABELS % 9, "classes": np.array(list("abcdefghij"))}, "labels 0 to 9"),
    "no images": ({"x_train": IMAGES[:0], "y_train": LABELS[:0]}, "at least 2 classes"),
    "one label too few": ({"y_train": LABELS[:-1]}, "one label for each of the 200 images"),
    "images and labels swapped": ({"x_train": LABELS}, "x_train must be uint8"),
    "test images of another size": ({"x_test": IMAGES[:100, :8, :8]}, "x_test has images of shape"),
    "a label that no class has": ({"y_test": np.full(100, 10)}, "labels from 0 to 9"),
}


@pytest.mark.parametrize("name", WRONG_ARRAYS)
def test_data_that_cannot_be_right_is_one_line(name: str, tmp_path: Path):
    changes, message = WRONG_ARRAYS[name]
    write_arrays(tmp_path / "mine.npz", **changes)
    with pytest.raises(DataError, match=message) as error:
        train(tmp_path / "run", *ARRAYS, f"data.path={tmp_path / 'mine.npz'}")
    assert "\n" not in str(error.value) and str(tmp_path / "mine.npz") in str(error.value)


@pytest.mark.parametrize(
    ("option", "message"),
    [("data.num_labels=5", "multiple of the 10 classes"), ("data.num_labels=1000", "needs 100 training images"),
     ("data.num_val=400", "training images of each class")],
)  # fmt: skip
def test_labels_that_are_not_there(option: str, message: str, tmp_path: Path):
    write_arrays(tmp_path / "mine.npz")
    with pytest.raises(ConfigError, match=message):
        train(tmp_path / "run", *ARRAYS, f"data.path={tmp_path / 'mine.npz'}", option)
