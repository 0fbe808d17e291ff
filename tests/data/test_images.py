"""An ImageData checks itself."""

from __future__ import annotations

import pytest
import torch

from ssgan.data.images import ImageData
from ssgan.errors import DataError


def parts(**changes: object) -> dict[str, object]:
    return {
        "x_train": torch.zeros(4, 3, 6, 5, dtype=torch.uint8),
        "y_train": torch.tensor([0, 1, 1, 0]),
        "x_unlabelled": None,
        "x_test": torch.zeros(2, 3, 6, 5, dtype=torch.uint8),
        "y_test": torch.tensor([1, 1]),
        "classes": ("cat", "dog"),
        **changes,
    }


def test_shape_and_number_of_classes() -> None:
    data = ImageData(**parts(x_unlabelled=torch.zeros(7, 3, 6, 5, dtype=torch.uint8)))
    assert data.shape == (3, 6, 5) and data.num_classes == 2


def test_all_training_images_are_the_labelled_and_then_the_others() -> None:
    assert ImageData(**parts()).all_training_images().shape == (4, 3, 6, 5)
    further = torch.full((7, 3, 6, 5), 9, dtype=torch.uint8)
    images = ImageData(**parts(x_unlabelled=further)).all_training_images()
    assert images.shape == (11, 3, 6, 5) and (images[:4] == 0).all() and (images[4:] == 9).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x_train": torch.zeros(4, 3, 6, 5)}, "x_train must be uint8, but is float32"),
        ({"x_train": torch.zeros(4, 6, 5, dtype=torch.uint8)}, "x_train must have shape"),
        ({"x_test": torch.zeros(0, 3, 6, 5, dtype=torch.uint8), "y_test": torch.tensor([])}, "x_test is empty"),
        ({"x_test": torch.zeros(2, 1, 6, 5, dtype=torch.uint8)}, "x_test has images of shape (1, 6, 5)"),
        ({"x_unlabelled": torch.zeros(2, 3, 5, 6, dtype=torch.uint8)}, "x_unlabelled has images of shape (3, 5, 6)"),
        ({"x_unlabelled": torch.zeros(2, 3, 6, 5)}, "x_unlabelled must be uint8"),
        ({"y_train": torch.tensor([0, 1, 1])}, "y_train must have one label for each of the 4 images"),
        ({"y_train": torch.zeros(4)}, "y_train must be int64, but is float32"),
        ({"y_train": torch.tensor([0, 1, 2, 0])}, "y_train must hold labels from 0 to 1, but holds 0 to 2"),
        ({"y_test": torch.tensor([-1, 1])}, "y_test must hold labels from 0 to 1, but holds -1 to 1"),
        ({"classes": ("cat",)}, "at least 2 classes, this one has 1"),
    ],
)
def test_what_does_not_agree_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(DataError) as error:
        ImageData(**parts(**change))
    assert message in str(error.value) and "\n" not in str(error.value)


def test_class_names_may_be_a_list() -> None:
    data = ImageData(**parts(classes=list(parts()["classes"])))
    assert data.classes == ImageData(**parts()).classes and data.checksum() == ImageData(**parts()).checksum()
