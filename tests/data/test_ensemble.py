"""An ensemble's data are its members', stacked."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ssgan.data import Digits
from ssgan.data.ensemble import EnsembleData, stacked
from ssgan.data.module import SemiSupervisedData
from tests.data.test_module import Trainer, images

OPTIONS: dict[str, Any] = {"num_labels": 20, "batch_size": 10}


@pytest.mark.parametrize("options", [{}, {"num_val": 30}, {"include_labelled": False}], ids=str)
@pytest.mark.parametrize("processes", [1, 2])
def test_the_streams_are_the_members_in_step(options: dict[str, Any], processes: int) -> None:
    options = OPTIONS | options
    for rank in range(processes):
        data = EnsembleData(images(), Digits(seed=3, **options), 5, 3, d_steps=2)
        data.trainer = Trainer(processes, rank, global_step=2)  # type: ignore[assignment]
        data.setup("fit")
        alone = [SemiSupervisedData(images(), Digits(seed=3 + i, **options), 5 + i, 2, 1) for i in range(3)]
        for member in alone:
            member.trainer = Trainer(processes, rank, global_step=2)  # type: ignore[assignment]
            member.setup("fit")
        streams = [member.train_dataloader() for member in alone]
        assert len(data.train_dataloader()) == len(streams[0])
        together = list(data.train_dataloader())
        assert len(together) == len(streams[0]) - 2 % len(streams[0])
        for batch, *own in zip(together, *streams, strict=True):
            for i, single in enumerate(own):
                for stacked_images, of_member in zip(batch, single, strict=True):
                    for found, expected in zip(stacked_images, of_member, strict=True):
                        assert torch.equal(found[:, i], expected)


def test_the_unlabelled_images_are_held_once_where_the_members_share_them() -> None:
    for options, shared in (({}, True), ({"num_val": 30}, False)):
        further = torch.arange(100, 110, dtype=torch.uint8).view(-1, 1, 1, 1)
        data = EnsembleData(images(further), Digits(**OPTIONS, **options), 1, 3)
        assert (data.members[2].unlabelled is data.members[0].unlabelled) is shared, "from the start"
        data.trainer = Trainer(1)  # type: ignore[assignment]
        data.setup("fit")
        stream = data.train_dataloader()
        assert (stream.unlabelled is data.members[0].unlabelled) is shared
        assert len(stream.unlabelled) == len(data.members[0].unlabelled) * (1 if shared else 3)


@pytest.mark.parametrize("options", [{"num_val": 30}, {"include_labelled": False}, {"num_val": 10}], ids=str)
@pytest.mark.parametrize("more", [10, 20, 30])
def test_further_unlabelled_images_do_not_make_the_members_share_what_one_holds_out(
    options: dict[str, Any], more: int
) -> None:
    further = torch.arange(100, 100 + more, dtype=torch.uint8).view(-1, 1, 1, 1)
    data = EnsembleData(images(further), Digits(**OPTIONS, **options), 1, 3)
    data.trainer = Trainer(1)  # type: ignore[assignment]
    data.setup("fit")
    for member in data.members:
        left_out = member.val[0] if "num_val" in options else member.labelled
        assert not set(member.unlabelled.flatten().tolist()) & set(left_out.flatten().tolist())


def test_start_images_are_each_members() -> None:
    data = EnsembleData(images(), Digits(**OPTIONS), 4, 2)
    for i in range(2):
        alone = SemiSupervisedData(images(), Digits(**OPTIONS, seed=1 + i), 4 + i)
        assert torch.equal(data.start_images(30)[i], alone.start_images(30))


def test_each_member_is_validated_on_its_own_split_and_all_are_tested_on_one() -> None:
    data = EnsembleData(images(), Digits(**OPTIONS, num_val=30, eval_batch_size=20), 1, 2, test_curve=True)
    val, test = data.val_dataloader()
    assert (val.split, test.split) == ("val", "test") and len(val) == 2
    batches = list(val)
    assert [batch.labels.shape for batch in batches] == [(2, 20), (2, 10)]
    for i, member in enumerate(data.members):
        assert torch.equal(torch.cat([batch.images[i] for batch in batches]), member.val[0])
        assert torch.equal(torch.cat([batch.labels[i] for batch in batches]), member.val[1])
    assert torch.equal(torch.cat([batch.images for batch in test]), data.images.x_test)
    assert [stream.split for stream in data.test_dataloader()] == ["val", "test"]


def test_one_member_is_what_it_is_alone() -> None:
    alone = SemiSupervisedData(images(), Digits(**OPTIONS), 1).train_dataloader()
    for (found,), (expected,) in zip(stacked([alone]), alone, strict=True):
        assert all(torch.equal(a[:, 0], b) for a, b in zip(found, expected, strict=True))
