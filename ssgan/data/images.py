"""A whole data set in memory."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ssgan.errors import DataError


@dataclass(frozen=True, eq=False)
class ImageData:
    """Images as uint8 tensors of shape (N, C, H, W), labels as int64 tensors of shape (N,) with values 0..K-1.

    Which of the training labels a run may look at is not decided here but in :mod:`ssgan.data.split`.

    Raises:
        DataError: dtypes, shapes or labels are not as described.
    """

    x_train: Tensor
    y_train: Tensor
    """The label of each image of ``x_train``."""
    x_unlabelled: Tensor | None = field(default=None, kw_only=True)
    """Further training images that have no label at all."""
    x_test: Tensor
    y_test: Tensor
    classes: Sequence[str]
    """The K class names, in the order of the labels; a tuple."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", tuple(map(str, self.classes)))
        if self.num_classes < 2:
            raise DataError(f"a data set needs at least 2 classes, this one has {self.num_classes}")
        if twice := [name for name, times in Counter(self.classes).items() if times > 1]:
            raise DataError(f"there are several classes of the name {twice[0]}")
        for part in ("train", "test"):
            images, labels = getattr(self, f"x_{part}"), getattr(self, f"y_{part}")
            _check_images(f"x_{part}", images)
            _check_labels(f"y_{part}", labels, len(images), self.num_classes)
        if self.x_unlabelled is not None:
            _check_images("x_unlabelled", self.x_unlabelled)
        for name in ("x_test", "x_unlabelled"):
            images = getattr(self, name)
            if images is not None and images.shape[1:] != self.x_train.shape[1:]:
                raise DataError(
                    f"{name} has images of shape {tuple(images.shape[1:])} (C, H, W), x_train of shape {self.shape}"
                )

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image."""
        channels, height, width = self.x_train.shape[1:]
        return channels, height, width

    def all_training_images(self) -> Tensor:
        """``x_train``, then ``x_unlabelled``: whatever there is to learn from."""
        return self.x_train if self.x_unlabelled is None else torch.cat([self.x_train, self.x_unlabelled])

    def checksum(self) -> str:
        """Of all images, labels and class names, in their order: the same only for the same data."""
        return self._checksum(self.x_train, self.y_train, self.x_unlabelled, self.x_test, self.y_test)

    def test_checksum(self) -> str:
        """Of the test images, their labels and the class names: the same only for the same test."""
        return self._checksum(self.x_test, self.y_test)

    def _checksum(self, *tensors: Tensor | None) -> str:
        digest = hashlib.sha256(repr(self.classes).encode())
        for tensor in tensors:
            if tensor is not None:
                digest.update(repr(tuple(tensor.shape)).encode())
                digest.update(tensor.contiguous().numpy().data)
        return digest.hexdigest()

    @property
    def num_classes(self) -> int:
        """K, the number of real classes."""
        return len(self.classes)


def _check_images(name: str, images: Tensor) -> None:
    if images.dtype != torch.uint8:
        raise DataError(f"{name} must be uint8, but is {str(images.dtype).removeprefix('torch.')}")
    if images.ndim != 4:
        raise DataError(f"{name} must have shape (N, C, H, W), but has {tuple(images.shape)}")
    if images.numel() == 0:
        raise DataError(f"{name} is empty: its shape is {tuple(images.shape)}")


def _check_labels(name: str, labels: Tensor, num_images: int, num_classes: int) -> None:
    if labels.dtype != torch.int64:
        raise DataError(f"{name} must be int64, but is {str(labels.dtype).removeprefix('torch.')}")
    if labels.shape != (num_images,):
        raise DataError(
            f"{name} must have one label for each of the {num_images} images, but has {tuple(labels.shape)}"
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= num_classes:
        raise DataError(f"{name} must hold labels from 0 to {num_classes - 1}, but holds {low} to {high}")
