"""The LightningDataModule: one loaded data set, split and held on the training device."""

from __future__ import annotations

from typing import Any

import lightning as L
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from ssgan.data.images import ImageData
from ssgan.data.options import DataOptions
from ssgan.data.split import split_labels
from ssgan.data.streams import EvalStream, SemiSupervisedStream, epoch_rng
from ssgan.errors import ConfigError, DataError


class SemiSupervisedData(L.LightningDataModule):
    """Labelled, unlabelled, validation and test images of a data set.

    Args:
        images: the data set.
        options: how many labels, which, and how they are batched.
        seed: of the order of the images.
        d_steps, g_steps: D and G updates in an iteration.
        test_curve: evaluate the test set during training too.
        iterations_per_batch: of Lightning's batches.
    """

    def __init__(
        self,
        images: ImageData,
        options: DataOptions,
        seed: int,
        d_steps: int = 1,
        g_steps: int = 1,
        test_curve: bool = False,
        iterations_per_batch: int = 1,
    ) -> None:
        super().__init__()
        self.images = images
        self.options = options
        self.seed = seed
        self.steps = (d_steps, g_steps)
        self.test_curve = test_curve
        self.iterations_per_batch = iterations_per_batch
        split = split_labels(
            images.y_train, images.num_classes, options.num_labels, options.num_val, options.seed, images.classes
        )
        self.labelled_indices = split.labelled
        self.labelled, self.labels = images.x_train[split.labelled], images.y_train[split.labelled]
        self.val = (images.x_train[split.val], images.y_train[split.val])
        self.test = (images.x_test, images.y_test)
        self.unlabelled = self._unlabelled(split.labelled, split.val)

    @property
    def num_labels(self) -> int:
        """Number of labelled images."""
        return len(self.labels)

    def start_images(self, n: int) -> Tensor:
        """n unlabelled images at random, or all if there are fewer, from which the networks' start values are taken."""
        order = torch.randperm(len(self.unlabelled), generator=epoch_rng(self.seed, 2**31))
        return self.unlabelled[order[:n].to(self.unlabelled.device)]

    def setup(self, stage: str) -> None:
        """Move the images to the training device, once."""
        if self.trainer is None:
            return
        self.check_processes(self.trainer.world_size)
        device = self.trainer.strategy.root_device
        self.labelled, self.labels = self.labelled.to(device), self.labels.to(device)
        self.unlabelled = self.unlabelled.to(device)
        self.val = (self.val[0].to(device), self.val[1].to(device))
        self.test = (self.test[0].to(device), self.test[1].to(device))

    def check_processes(self, processes: int) -> None:
        """Refuse batches and sets that cannot be shared by this number of processes.

        Raises:
            ConfigError: it is a batch.
            DataError: it is a set.
        """
        if self.options.batch_size % processes:
            raise ConfigError(f"data.batch_size={self.options.batch_size} cannot be shared by {processes} processes")
        for name, (_, labels) in (("held-out", self.val), ("test", self.test)):
            if 0 < len(labels) < processes:
                raise DataError(f"{len(labels)} {name} images cannot be shared by {processes} processes; use fewer")

    def train_dataloader(self) -> SemiSupervisedStream:
        """The labelled and the two unlabelled streams, from the iteration at which the trainer stands."""
        trainer = self.trainer
        rank, world_size = (trainer.global_rank, trainer.world_size) if trainer else (0, 1)
        d_steps, g_steps = self.steps
        return SemiSupervisedStream(
            labelled=self.labelled,
            labels=self.labels,
            unlabelled=self.unlabelled,
            batch_size=self.options.batch_size,
            d_steps=d_steps,
            g_steps=g_steps,
            seed=self.seed,
            iteration=(lambda: trainer.global_step) if trainer else (lambda: 0),
            rank=rank,
            world_size=world_size,
            iterations_per_batch=self.iterations_per_batch,
        )

    def val_dataloader(self) -> list[EvalStream]:
        """The held-out labelled images, and the test images if their curve is wanted."""
        loaders = []
        if len(self.val[1]):
            loaders.append(self._eval("val", *self.val))
        if self.test_curve:
            loaders.append(self._eval("test", *self.test))
        return loaders

    def test_dataloader(self) -> list[EvalStream]:
        """The test images, after the held-out labelled ones if there are any."""
        loaders = [self._eval("val", *self.val)] if len(self.val[1]) else []
        return [*loaders, self._eval("test", *self.test)]

    def predict_dataloader(self) -> DataLoader[Tensor]:
        """The test images alone, uint8, in their order."""
        return DataLoader(self.test[0], batch_size=self.options.eval_batch_size)  # type: ignore[arg-type]

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Batches are slices of tensors that are on the device already."""
        return batch

    def _eval(self, split: str, images: Tensor, labels: Tensor) -> EvalStream:
        trainer = self.trainer
        rank, world_size = (trainer.global_rank, trainer.world_size) if trainer else (0, 1)
        return EvalStream(split, images, labels, self.options.eval_batch_size, rank, world_size)

    def _unlabelled(self, labelled: Tensor, val: Tensor) -> Tensor:
        """All training images but the held-out ones, and but the labelled ones if so chosen."""
        keep = torch.ones(len(self.images.y_train), dtype=torch.bool)
        keep[val] = False
        if not self.options.include_labelled:
            keep[labelled] = False
        pool = self.images.x_train if bool(keep.all()) else self.images.x_train[keep]
        if self.images.x_unlabelled is not None:
            pool = torch.cat([pool, self.images.x_unlabelled])
        if not len(pool):
            raise ConfigError("no unlabelled images are left; set data.include_labelled=true")
        return pool
