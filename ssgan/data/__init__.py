"""Sources of images, and their division into labelled, validation and unlabelled sets.

A source is a dataclass of options, importable without torch; its ``load()`` gives all of its images as one
:class:`~ssgan.data.images.ImageData` in memory.
"""

from __future__ import annotations

from ssgan.data.arrays import Arrays
from ssgan.data.digits import Digits
from ssgan.data.folder import Folder
from ssgan.data.options import DataOptions
from ssgan.data.table import Table
from ssgan.data.torchvision_sets import CIFAR10, MNIST, SVHN

__all__ = ["CIFAR10", "MNIST", "SVHN", "Arrays", "DataOptions", "Digits", "Folder", "Table"]
