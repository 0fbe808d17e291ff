"""The data of an ensemble: each member's labelled split and order, stacked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import lightning as L
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from ssgan.data.images import ImageData
from ssgan.data.module import SemiSupervisedData
from ssgan.data.options import DataOptions
from ssgan.data.streams import EvalStream, SemiSupervisedStream


class EnsembleData(L.LightningDataModule):
    """The data of k members, of which number i (from 0) is what a run with ``data.seed + i`` and ``seed + i`` has.

    Args:
        images: the data set, which the members share.
        options: of the first member.
        seed: of the first member's order.
        count: k.
        how: further arguments of each :class:`~ssgan.data.module.SemiSupervisedData`.
    """

    def __init__(self, images: ImageData, options: DataOptions, seed: int, count: int, **how: Any) -> None:
        super().__init__()
        self.images = images
        self.members: list[SemiSupervisedData] = []
        for i in range(count):
            self.members.append(SemiSupervisedData(images, replace(options, seed=options.seed + i), seed + i, **how))
            self._share()  # at once, for each may hold a copy

    @property
    def num_labels(self) -> int:
        """Labelled images of each member."""
        return self.members[0].num_labels

    def start_images(self, n: int) -> Tensor:
        """n unlabelled images for each member, ``[members, n, channels, height, width]``."""
        return torch.stack([member.start_images(n) for member in self.members])

    def check_processes(self, processes: int) -> None:
        """Refuse batches and sets that cannot be shared by this number of processes; see the members'."""
        for member in self.members:
            member.check_processes(processes)

    def setup(self, stage: str) -> None:
        """Move the images to the training device, once; what members share, once for all."""
        for member in self.members:
            member.trainer = self.trainer
            member.setup(stage)
            self._share()  # what is on the device by now is not moved again

    def train_dataloader(self) -> StackedStream:
        """The members' streams as one."""
        return stacked([member.train_dataloader() for member in self.members])

    def val_dataloader(self) -> list[EvalStream]:
        """As for one member; each is validated on the labels that its own split holds out."""
        return self._stacked_val([member.val_dataloader() for member in self.members])

    def test_dataloader(self) -> list[EvalStream]:
        """As for one member."""
        return self._stacked_val([member.test_dataloader() for member in self.members])

    def predict_dataloader(self) -> DataLoader[Tensor]:
        """The test images, which the members share."""
        return self.members[0].predict_dataloader()

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Batches are slices of tensors that are on the device already."""
        return batch

    def _share(self) -> None:
        """Let all members hold the first one's test images, and its unlabelled ones if theirs are the same."""
        first = self.members[0]
        # A split decides which images are held out, and which are labelled and so perhaps left out.
        same = not first.options.num_val and first.options.include_labelled
        for member in self.members:
            member.test = first.test
            if same:
                member.unlabelled = first.unlabelled

    def _stacked_val(self, loaders: Sequence[list[EvalStream]]) -> list[EvalStream]:
        """The first member's loaders, those of held-out images with every member's."""
        return [
            replace(
                streams[0],
                images=torch.stack([stream.images for stream in streams]),
                labels=torch.stack([stream.labels for stream in streams]),
            )
            if streams[0].split == "val"
            else streams[0]
            for streams in zip(*loaders, strict=True)
        ]


@dataclass(kw_only=True)
class StackedStream(SemiSupervisedStream):
    """Members' streams in step: ``labelled`` and ``unlabelled`` are ``[d, members, n, c, h, w]``, and so on.

    ``labelled``, ``labels`` and ``unlabelled`` hold the members' images end to end, or once what they all share.
    """

    members: Sequence[SemiSupervisedStream]

    @property
    def iterations(self) -> int:
        """Of an epoch."""
        return self.members[0].iterations

    def epoch_order(self, epoch: int) -> tuple[Tensor, Tensor, Tensor]:
        """Indices of an epoch's images, ``[iterations, steps, members, batch_size]``, as of one member's stream."""
        labelled, unlabelled, real = zip(*(member.epoch_order(epoch) for member in self.members), strict=True)
        shift = 0 if self.unlabelled is self.members[0].unlabelled else len(self.members[0].unlabelled)
        return (
            _end_to_end(labelled, len(self.members[0].labels)),
            _end_to_end(unlabelled, shift),
            _end_to_end(real, shift),
        )


def stacked(members: Sequence[SemiSupervisedStream]) -> StackedStream:
    """One stream of members that have sets of equal sizes."""
    first = members[0]
    shared = all(member.unlabelled is first.unlabelled for member in members)
    images = {
        "labelled": torch.cat([member.labelled for member in members]),
        "labels": torch.cat([member.labels for member in members]),
        "unlabelled": first.unlabelled if shared else torch.cat([member.unlabelled for member in members]),
    }
    return StackedStream(**vars(first) | images, members=members)


def _end_to_end(orders: Sequence[Tensor], size: int) -> Tensor:
    """Members' indices ``[iterations, steps, n]`` into sets that lie end to end, each of that size."""
    return torch.stack([order + i * size for i, order in enumerate(orders)], 2)
