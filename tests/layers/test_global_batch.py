"""Shares of a batch; that the processes compute the same together is tested in test_ddp_equals_one.py."""

from __future__ import annotations

import pytest
import torch

from ssgan.augmentation import Augmentation
from ssgan.augmentation.moves import augment
from ssgan.layers import WHOLE, Share, batch_mean, own_part, spanning, whole_batch


@pytest.mark.parametrize("parts", [1, 3])
def test_the_shares_are_the_batch_in_order(parts: int) -> None:
    batch = torch.arange(parts * 12 * 2).view(parts * 12, 2)
    shares = [Share(rank, 4).of(batch, parts) for rank in range(4)]
    for rank, share in enumerate(shares):
        rows = [part * 12 + rank * 3 + i for part in range(parts) for i in range(3)]
        assert share.tolist() == [batch[row].tolist() for row in rows]


def test_one_process_has_it_all() -> None:
    x = torch.randn(6, 3)
    assert WHOLE.of(x, 3) is x
    with spanning(WHOLE):
        assert torch.equal(batch_mean(x), x.mean(0))
        assert whole_batch(x) is x and torch.equal(own_part(x), x)


@pytest.mark.parametrize("options", [Augmentation(flip=True, shift=2), Augmentation(rotate=20, scale=0.2)], ids=str)
def test_shares_of_augmented_images_are_the_augmented_batch(options: Augmentation) -> None:
    images = torch.randint(0, 256, (12, 3, 8, 8), dtype=torch.uint8)
    whole = augment(images, options, torch.Generator().manual_seed(3))
    parts = [
        augment(part, options, torch.Generator().manual_seed(3), Share(i, 3)) for i, part in enumerate(images.chunk(3))
    ]
    assert torch.equal(torch.cat(parts), whole)
