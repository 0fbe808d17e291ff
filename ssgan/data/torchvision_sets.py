"""MNIST, SVHN and CIFAR-10 through torchvision, in torchvision's own layout under ``root``."""

from __future__ import annotations

import http.client
import pickle
import tarfile
import zlib
from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ssgan.data.options import DataOptions
from ssgan.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from ssgan.data.images import ImageData

_DIGITS = tuple(map(str, range(10)))

# All that torchvision lets through when files are absent or damaged, the network fails or the folder is not writable.
_FAILURES = (
    OSError,
    RuntimeError,
    ValueError,
    TypeError,
    LookupError,
    AssertionError,
    EOFError,
    pickle.UnpicklingError,
    tarfile.TarError,
    zlib.error,
    http.client.HTTPException,
)


@dataclass(kw_only=True)
class TorchvisionSet(DataOptions):
    """A data set that torchvision reads, and downloads where there is no copy of it."""

    known_classes: ClassVar[int | None] = 10
    title: ClassVar[str]
    """Name for messages."""
    location: ClassVar[str]
    """Where torchvision looks for the files, relative to ``root``."""

    @abstractmethod
    def read(self, root: str, download: bool) -> ImageData:
        """Read training and test set with torchvision, which downloads what is absent if ``download``."""

    def load(self) -> ImageData:
        """Read the data set, after downloading it if there is no usable copy under ``root``.

        Jobs that start at the same time share one download: a lock file makes the others wait for it.

        Raises:
            DataError: there is no usable copy, and none could be downloaded.
        """
        root = self.root_path
        try:
            return self._read(root, download=False)
        except _FAILURES:
            # Absent, damaged, or being written by another job: torchvision sorts this out once we hold the lock.
            pass
        try:
            from filelock import FileLock

            root.mkdir(parents=True, exist_ok=True)
            with FileLock(root / f".{self.name}.lock"):
                return self._read(root, download=True)
        except _FAILURES as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise DataError(
                f"{self.title} at {root / self.location} could be neither read nor downloaded ({reason}): put"
                " torchvision's files there (delete damaged ones first), or name the folder that has them with"
                " data.root= or the environment variable SSGAN_DATA"
            ) from error

    def _read(self, root: Path, download: bool) -> ImageData:
        """Read, and say which files they are that do not go together, such as labels of another set."""
        try:
            return self.read(str(root), download)
        except DataError as error:
            raise DataError(f"{self.title} at {root / self.location}: {error}") from error


@dataclass(kw_only=True)
class MNIST(TorchvisionSet):
    """60,000 training and 10,000 test images of handwritten digits, 1x28x28."""

    name: ClassVar[str] = "mnist"
    title: ClassVar[str] = "MNIST"
    location: ClassVar[str] = "MNIST/raw"
    num_labels: int | None = 100

    def read(self, root: str, download: bool) -> ImageData:
        """Read MNIST/raw/*-ubyte."""
        from torchvision.datasets import MNIST as Source

        parts = (Source(root, train=train, download=download) for train in (True, False))
        return _image_data(((part.data.unsqueeze(1), part.targets) for part in parts), _DIGITS)


@dataclass(kw_only=True)
class SVHN(TorchvisionSet):
    """73,257 training and 26,032 test images of house numbers, 3x32x32; the "extra" split is never used."""

    name: ClassVar[str] = "svhn"
    title: ClassVar[str] = "SVHN"
    location: ClassVar[str] = "{train,test}_32x32.mat"
    num_labels: int | None = 1000

    def read(self, root: str, download: bool) -> ImageData:
        """Read train_32x32.mat and test_32x32.mat; their label 10 becomes 0."""
        from torchvision.datasets import SVHN as Source

        parts = (Source(root, split=split, download=download) for split in ("train", "test"))
        return _image_data(((part.data, part.labels) for part in parts), _DIGITS)


@dataclass(kw_only=True)
class CIFAR10(TorchvisionSet):
    """50,000 training and 10,000 test images of animals and vehicles, 3x32x32."""

    name: ClassVar[str] = "cifar10"
    title: ClassVar[str] = "CIFAR-10"
    location: ClassVar[str] = "cifar-10-batches-py"
    num_labels: int | None = 4000

    def read(self, root: str, download: bool) -> ImageData:
        """Read cifar-10-batches-py/*."""
        from torchvision.datasets import CIFAR10 as Source

        parts = [Source(root, train=train, download=download) for train in (True, False)]
        images = ((part.data.transpose(0, 3, 1, 2), part.targets) for part in parts)
        return _image_data(images, tuple(parts[0].classes))


def _image_data(parts: Iterable[tuple[Any, Any]], classes: tuple[str, ...]) -> ImageData:
    """Images and labels of the training and the test part, tensors, arrays or lists."""
    import numpy as np
    import torch

    from ssgan.data.images import ImageData

    (x_train, y_train), (x_test, y_test) = (
        (torch.from_numpy(np.ascontiguousarray(x)), torch.from_numpy(np.ascontiguousarray(y))) for x, y in parts
    )
    return ImageData(x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test, classes=classes)
