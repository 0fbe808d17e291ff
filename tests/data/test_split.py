"""The labelled and held-out subsets against the published code, and their invariants."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ssgan.data.split import split_labels, split_test
from ssgan.errors import ConfigError

K = 10
LABELS = torch.from_numpy(np.random.RandomState(7).randint(0, K, 1000))


def counts(index: torch.Tensor) -> list[int]:
    return torch.bincount(LABELS[index], minlength=K).tolist()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_same_subset_as_the_published_code(seed: int) -> None:
    # The authors' script: permute images and labels together, then take the first `count` images of each class.
    count, images, labels = 7, np.arange(1000), LABELS.numpy()
    order = np.random.RandomState(seed).permutation(1000)
    images, labels = images[order], labels[order]
    expected = np.concatenate([images[labels == j][:count] for j in range(K)])

    assert split_labels(LABELS, K, 7 * K, 0, seed).labelled.tolist() == expected.tolist()


@pytest.mark.parametrize("num_val", [0, 20, 100])
def test_balanced_and_disjoint(num_val: int) -> None:
    labelled, val = split_labels(LABELS, K, 50, num_val, seed=1)
    assert labelled.dtype == val.dtype == torch.int64
    assert counts(labelled) == [5] * K and counts(val) == [num_val // K] * K
    assert len({*labelled.tolist(), *val.tolist()}) == 50 + num_val


def test_held_out_images_do_not_change_the_labelled_subset() -> None:
    alone = split_labels(LABELS, K, 50, 0, seed=1).labelled
    for num_val in (10, 100):
        assert torch.equal(split_labels(LABELS, K, 50, num_val, seed=1).labelled, alone)


def test_a_larger_subset_contains_the_smaller() -> None:
    small, large = (set(split_labels(LABELS, K, n, 0, seed=1).labelled.tolist()) for n in (50, 100))
    assert small < large


def test_all_labels() -> None:
    labelled, val = split_labels(LABELS, K, None, 30, seed=1)
    assert counts(val) == [3] * K
    assert labelled.tolist() == sorted(set(range(1000)) - set(val.tolist()))
    assert split_labels(LABELS, K, None, 0, seed=1).labelled.tolist() == list(range(1000))


def test_seeds_choose_different_images() -> None:
    first, again, other = (set(split_labels(LABELS, K, 50, 0, seed).labelled.tolist()) for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize(
    ("num_labels", "num_val", "message"),
    [
        (25, 0, "data.num_labels=25: must be a multiple of the 10 classes; nearest: 20 or 30"),
        (5, 0, "data.num_labels=5: must be a multiple of the 10 classes; nearest: 10"),
        (20, 4, "data.num_val=4: must be a multiple of the 10 classes; nearest: 0 or 10"),
    ],
)
def test_unbalanced_numbers_are_refused(num_labels: int, num_val: int, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        split_labels(LABELS, K, num_labels, num_val, seed=1)
    assert str(error.value) == message


@pytest.mark.parametrize(("num_labels", "num_val"), [(6, 0), (2, 4), (None, 4)])
def test_a_class_with_too_few_images_is_named(num_labels: int | None, num_val: int) -> None:
    labels = torch.tensor([0, 0, 0, 0, 1, 1])
    with pytest.raises(ConfigError, match=r"needs 3 training images of each class, but class 1 \(dog\) has 2$"):
        split_labels(labels, 2, num_labels, num_val, seed=1, classes=("cat", "dog"))


def test_test_images_are_the_first_of_each_class_after_a_permutation() -> None:
    order = np.random.RandomState(0).permutation(1000)
    expected = [i for k in range(K) for i in [i for i in order if LABELS[i] == k][:4]]
    train, test = split_test(LABELS, K, 4 * K)
    assert test.tolist() == expected
    assert train.tolist() == [i for i in range(1000) if i not in expected]


@pytest.mark.parametrize(
    ("num_test", "message"),
    [
        (3, "data.num_test=3: must be a multiple of the 2 classes; nearest: 2 or 4"),
        (4, "data.num_test=4 takes 2 images of each class, but class 1 (dog) has 2"),
    ],
)
def test_a_test_set_that_cannot_be_taken_is_refused(num_test: int, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        split_test(torch.tensor([0, 0, 0, 0, 1, 1]), 2, num_test, classes=("cat", "dog"))
    assert str(error.value) == message
