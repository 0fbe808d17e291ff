"""The options that every source of images has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ssgan.augmentation import Augmentation
from ssgan.checks import non_negative, per_class, positive, valid_seed

if TYPE_CHECKING:
    from ssgan.data.images import ImageData


def cache_dir() -> Path:
    """The user's cache folder for this project; it may not exist yet."""
    from platformdirs import user_cache_path

    return user_cache_path("ssgan")


@dataclass(kw_only=True)
class DataOptions(ABC):
    """Where images come from, which of them are labelled, and how they are served."""

    name: ClassVar[str]
    """Short name of the data set, as in ``data=<name>``; of a class that gives none, the class's in small letters."""
    known_classes: ClassVar[int | None] = None
    """Number of classes where it is known before the data is read; wrong numbers of labels are then refused at once."""
    in_a_folder: ClassVar[bool] = True
    """Whether it lies in a folder of the user's, which can be moved."""

    root: str | None = None
    """Folder where data sets are kept (``~`` is expanded); None: the user's cache folder."""
    num_labels: int | None = None
    """Number of labelled training images in total, the same for each class; None: all of them."""
    num_val: int = 0
    """Number of training images held out with their labels, the same for each class; neither the labelled nor the
    unlabelled set contains them."""
    seed: int = 1
    """Seed of the choice of labelled and held-out images; training has a seed of its own."""
    batch_size: int = 100
    """Images in a training batch: that many labelled and that many unlabelled ones."""
    eval_batch_size: int = 1000
    """Images in a batch of validation or test."""
    include_labelled: bool = True
    """Whether the unlabelled set contains the labelled images too."""
    augment: Augmentation = field(default_factory=Augmentation)
    """Random changes to training images."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if not hasattr(cls, "name"):
            cls.name = cls.__name__.lower()

    def __post_init__(self) -> None:
        if self.num_labels is not None:
            positive("data.num_labels", self.num_labels)
        non_negative("data.num_val", self.num_val)
        if self.known_classes is not None:
            per_class("data.num_labels", self.num_labels or self.known_classes, self.known_classes, lowest=1)
            per_class("data.num_val", self.num_val, self.known_classes, lowest=0)
        valid_seed("data.seed", self.seed)
        positive("data.batch_size", self.batch_size)
        positive("data.eval_batch_size", self.eval_batch_size)

    @property
    def root_path(self) -> Path:
        """``root`` with its default and ``~`` resolved; the folder may not exist."""
        return Path(self.root).expanduser() if self.root else cache_dir()

    @abstractmethod
    def load(self) -> ImageData:
        """Read all images into memory.

        Raises:
            DataError: the images are missing, unreadable or not in the form they should have.
        """
