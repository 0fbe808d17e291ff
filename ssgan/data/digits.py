"""The 8x8 digits that come with scikit-learn: real images for trying things out, without a download."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ssgan.data.options import DataOptions

if TYPE_CHECKING:
    from ssgan.data.images import ImageData

_NUM_TEST = 500


@dataclass(kw_only=True)
class Digits(DataOptions):
    """1,297 training and 500 test images, 1x8x8, 10 classes (``root`` is not used: scikit-learn has them inside).

    scikit-learn gives no test set. Ours is 50 images of each class, by :func:`ssgan.data.split.split_test`, the same
    whatever the options.
    """

    name: ClassVar[str] = "digits"
    known_classes: ClassVar[int | None] = 10
    in_a_folder: ClassVar[bool] = False
    num_labels: int | None = 30

    def load(self) -> ImageData:
        """Read the images; their values 0..16 are scaled to 0..255."""
        import numpy as np
        import torch
        from sklearn.datasets import load_digits

        from ssgan.data.images import ImageData
        from ssgan.data.split import split_test

        digits = load_digits()
        images = torch.from_numpy(np.rint(digits.images * (255 / 16)).astype(np.uint8)).unsqueeze(1)
        labels = torch.from_numpy(digits.target.astype(np.int64))
        train, test = split_test(labels, num_classes=10, num_test=_NUM_TEST)
        return ImageData(
            x_train=images[train],
            y_train=labels[train],
            x_test=images[test],
            y_test=labels[test],
            classes=tuple(map(str, range(10))),
        )
