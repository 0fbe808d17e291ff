"""Which training images are labelled, and which are held out for validation or for the test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ssgan.checks import per_class
from ssgan.errors import ConfigError


class Split(NamedTuple):
    """Indices into the training set: two disjoint int64 tensors, balanced over the classes."""

    labelled: Tensor
    val: Tensor


#: Seed of the choice of test images, which are the same for all splits.
_TEST_SEED = 0


def split_labels(
    labels: Tensor,
    num_classes: int,
    num_labels: int | None,
    num_val: int,
    seed: int,
    classes: Sequence[str] | None = None,
) -> Split:
    """Choose the labelled and the held-out images as the published code does.

    The training set is permuted by ``numpy.random.RandomState(seed)``, and the first images of each class are the
    labelled ones; so, for the same order of the data, the subset is the one of the authors' script. The held-out
    images are the next ones of each class, so their number does not change the labelled subset.

    Args:
        labels: int64 labels 0..K-1 of the training set, shape (N,).
        num_classes: K.
        num_labels: labelled images in total, a multiple of K. None: all that are not held out, in the order of the
            training set; they are as balanced as the data, and the held-out ones are the first of each class.
        num_val: held-out images in total, a multiple of K.
        seed: seed of the permutation.
        classes: class names for the messages of errors.

    Raises:
        ConfigError: a number is not a multiple of K, or a class has too few images.
    """
    labelled_per_class = 0 if num_labels is None else per_class("data.num_labels", num_labels, num_classes, lowest=1)
    val_per_class = per_class("data.num_val", num_val, num_classes, lowest=0)
    # With num_labels=None one image of each class must remain after the held-out ones.
    needed = val_per_class + (labelled_per_class or 1)
    for k, count in enumerate(torch.bincount(labels, minlength=num_classes).tolist()):
        if count < needed:
            name = f"class {k}" if classes is None else f"class {k} ({classes[k]})"
            asked = f"data.num_labels={'null' if num_labels is None else num_labels} with data.num_val={num_val}"
            raise ConfigError(f"{asked} needs {needed} training images of each class, but {name} has {count}")

    order = torch.from_numpy(np.random.RandomState(seed).permutation(len(labels)))
    of_class = [order[labels[order] == k] for k in range(num_classes)]
    val = torch.cat([members[labelled_per_class:][:val_per_class] for members in of_class])
    if num_labels is None:
        held_out = torch.zeros(len(labels), dtype=torch.bool)
        held_out[val] = True
        return Split((~held_out).nonzero().flatten(), val)
    return Split(torch.cat([members[:labelled_per_class] for members in of_class]), val)


def split_test(
    labels: Tensor, num_classes: int, num_test: int, classes: Sequence[str] | None = None
) -> tuple[Tensor, Tensor]:
    """Set test images aside from a data set that has none: indices of the training and of the test images.

    The test images are the first of each class after a permutation by ``numpy.random.RandomState(0)``, class by class;
    the training images keep their order.

    Args:
        labels: int64 labels 0..K-1 of all images, shape (N,).
        num_classes: K.
        num_test: test images in total, a multiple of K.
        classes: class names for the messages of errors.

    Raises:
        ConfigError: the number is not a multiple of K, or no image of a class would be left for the training.
    """
    of_each = per_class("data.num_test", num_test, num_classes, lowest=1)
    for k, count in enumerate(torch.bincount(labels, minlength=num_classes).tolist()):
        if count <= of_each:
            name = f"class {k}" if classes is None else f"class {k} ({classes[k]})"
            raise ConfigError(f"data.num_test={num_test} takes {of_each} images of each class, but {name} has {count}")
    train, test = split_labels(labels, num_classes, num_labels=None, num_val=num_test, seed=_TEST_SEED)
    return train, test
