"""What the data module makes of a data set: the parts, which images are in which, and the loaders."""

from __future__ import annotations

import pytest
import torch

from ssgan.data import Arrays, Digits
from ssgan.data.images import ImageData
from ssgan.data.module import SemiSupervisedData
from ssgan.errors import ConfigError, DataError

N = 100


def images(x_unlabelled: torch.Tensor | None = None) -> ImageData:
    """Training images that are their own index, 10 of each of 10 classes; test images from 200 on."""
    return ImageData(
        x_train=torch.arange(N, dtype=torch.uint8).view(-1, 1, 1, 1),
        y_train=torch.arange(N) % 10,
        x_unlabelled=x_unlabelled,
        x_test=torch.arange(200, 230, dtype=torch.uint8).view(-1, 1, 1, 1),
        y_test=torch.arange(30) % 10,
        classes=tuple("abcdefghij"),
    )


def module(given: ImageData | None = None, seed: int = 1, test_curve: bool = False, **options) -> SemiSupervisedData:
    options = {"num_labels": 20, "batch_size": 10} | options
    return SemiSupervisedData(given or images(), Digits(**options), seed, test_curve=test_curve)


def values(pixels: torch.Tensor) -> list[int]:
    return sorted(pixels.flatten().tolist())


def test_the_labelled_images_are_balanced_and_in_the_unlabelled_set_too():
    data = module()
    assert torch.bincount(data.labels).tolist() == [2] * 10 and data.num_labels == 20
    assert data.labelled.flatten().tolist() == data.labelled_indices.tolist()
    assert torch.equal(data.labels, data.labelled.flatten().long() % 10)
    assert values(data.unlabelled) == list(range(N))


def test_the_labelled_images_can_be_kept_out_of_the_unlabelled_set():
    data = module(include_labelled=False)
    assert values(data.unlabelled) == sorted(set(range(N)) - set(data.labelled_indices.tolist()))


@pytest.mark.parametrize("include_labelled", [True, False])
def test_held_out_images_are_in_no_other_set(include_labelled: bool):
    data = module(num_val=30, include_labelled=include_labelled)
    val = set(data.val[0].flatten().tolist())
    assert torch.bincount(data.val[1]).tolist() == [3] * 10
    assert torch.equal(data.val[0].flatten().long() % 10, data.val[1])
    assert not val & set(data.labelled_indices.tolist()) and not val & set(values(data.unlabelled))
    assert len(data.unlabelled) == N - 30 - (0 if include_labelled else 20)


def test_holding_out_images_does_not_change_which_are_labelled():
    assert torch.equal(module(num_val=30).labelled_indices, module().labelled_indices)


def test_images_without_a_label_join_the_unlabelled_set():
    more = torch.arange(240, 250, dtype=torch.uint8).view(-1, 1, 1, 1)
    assert values(module(images(more)).unlabelled) == [*range(N), *range(240, 250)]
    alone = module(images(more), num_labels=None, include_labelled=False)
    assert alone.num_labels == N and values(alone.unlabelled) == list(range(240, 250))


def test_without_unlabelled_images_one_line_says_what_to_do():
    with pytest.raises(ConfigError, match=r"data\.include_labelled=true") as error:
        module(num_labels=None, include_labelled=False)
    assert "\n" not in str(error.value)


def test_which_are_labelled_depends_on_the_datas_seed_alone():
    assert torch.equal(module(seed=1).labelled_indices, module(seed=2).labelled_indices)
    first, second = (SemiSupervisedData(images(), Digits(num_labels=20, seed=s), 1).labelled_indices for s in (1, 2))
    assert set(first.tolist()) != set(second.tolist())


def test_start_images_are_distinct_unlabelled_ones_chosen_by_the_seed():
    data = module(include_labelled=False)
    start = data.start_images(30).flatten().tolist()
    assert len(start) == len(set(start)) == 30 and set(start) <= set(values(data.unlabelled))
    assert module(include_labelled=False).start_images(30).flatten().tolist() == start
    assert module(seed=2, include_labelled=False).start_images(30).flatten().tolist() != start
    assert len(data.start_images(500)) == 80


@pytest.mark.parametrize(
    ("num_val", "test_curve", "during", "after"),
    [
        (0, False, [], ["test"]),
        (0, True, ["test"], ["test"]),
        (30, False, ["val"], ["val", "test"]),
        (30, True, ["val", "test"], ["val", "test"]),
    ],
)
def test_what_is_evaluated_during_and_after_training(num_val: int, test_curve: bool, during: list, after: list):
    data = module(num_val=num_val, test_curve=test_curve)
    assert [loader.split for loader in data.val_dataloader()] == during
    assert [loader.split for loader in data.test_dataloader()] == after
    test = data.test_dataloader()[-1]
    assert values(torch.cat([batch.images for batch in test])) == list(range(200, 230))


def test_the_loader_serves_the_parts():
    loader = module(num_val=30, include_labelled=False).train_dataloader()
    assert len(loader) == 5
    data = module(num_val=30, include_labelled=False)
    batches = [images for (images,) in data.train_dataloader()]
    assert values(torch.cat([batch.unlabelled for batch in batches])) == values(data.unlabelled)
    assert set(values(torch.cat([batch.labelled for batch in batches]))) == set(data.labelled_indices.tolist())


class Trainer:
    """What the module asks of a trainer."""

    def __init__(self, world_size: int, rank: int = 0, global_step: int = 0):
        self.world_size, self.global_rank, self.global_step = world_size, rank, global_step
        self.strategy = type("Strategy", (), {"root_device": torch.device("cpu")})()


@pytest.mark.parametrize("world_size", [3, 4, 20])
def test_a_batch_that_the_processes_cannot_share_is_refused(world_size: int):
    data = module()
    data.trainer = Trainer(world_size)
    with pytest.raises(ConfigError, match=rf"data\.batch_size=10 cannot be shared by {world_size} processes"):
        data.setup("fit")


@pytest.mark.parametrize(("world_size", "message"), [(20, "10 held-out images"), (40, "30 test images"), (10, None)])
def test_images_to_evaluate_of_which_a_process_would_have_none_are_refused(world_size: int, message: str | None):
    data = module(batch_size=40, num_val=10 if world_size < 40 else 0)
    data.trainer = Trainer(world_size)
    if message is None:
        data.setup("fit")
        return
    with pytest.raises(DataError, match=f"{message} cannot be shared by {world_size} processes"):
        data.setup("fit")


def test_each_process_gets_its_share_from_the_iteration_of_the_trainer():
    whole = [images for (images,) in module().train_dataloader()]
    shares = []
    for rank in (0, 1):
        data = module()
        data.trainer = Trainer(2, rank, global_step=4)
        data.setup("fit")
        shares.append([images for (images,) in data.train_dataloader()])
    assert len(shares[0]) == len(shares[1]) == 6
    for i in range(6):
        assert torch.equal(torch.cat([share[i].unlabelled for share in shares], 1), whole[4 + i].unlabelled)


def test_a_source_without_a_fixed_number_of_classes_is_checked_once_it_is_read():
    with pytest.raises(ConfigError, match=r"data\.num_labels=15.*10 classes.*10 or 20"):
        SemiSupervisedData(images(), Arrays(path="x", num_labels=15), 1)
