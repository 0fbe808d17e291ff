"""The digits: known numbers, and a test set that no option moves."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.datasets import load_digits

from ssgan.data import Digits


def test_known_numbers() -> None:
    data = Digits().load()
    assert len(data.x_train) == 1297 and len(data.x_test) == 500
    assert data.shape == (1, 8, 8) and data.classes == tuple("0123456789")
    assert torch.bincount(data.y_test).tolist() == [50] * 10
    assert data.x_unlabelled is None


def test_every_image_is_used_once_with_its_label() -> None:
    data, source = Digits().load(), load_digits()

    def rows(images: np.ndarray, labels: np.ndarray) -> list[tuple[int, ...]]:
        return sorted((int(y), *map(int, x.ravel())) for x, y in zip(images, labels, strict=True))

    images, labels = torch.cat([data.x_train, data.x_test]), torch.cat([data.y_train, data.y_test])
    # 16 grey levels above zero, 0 and 16 becoming the ends of the range.
    scaled = [[[round(v * 255 / 16) for v in row] for row in image] for image in source.images]
    assert rows(images.numpy(), labels.numpy()) == rows(np.array(scaled), source.target)


def test_the_test_set_does_not_depend_on_options() -> None:
    data, other = Digits().load(), Digits(seed=5, num_labels=100, num_val=50).load()
    assert torch.equal(data.x_test, other.x_test) and torch.equal(data.x_train, other.x_train)
    order = np.random.RandomState(0).permutation(1797)
    target = load_digits().target
    zeros = [i for i in order if target[i] == 0][:50]
    expected = np.rint(load_digits().images[zeros] * (255 / 16))
    assert (data.x_test[data.y_test == 0].squeeze(1).numpy() == expected).all()
