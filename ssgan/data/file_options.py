"""The options of data sets that are image files of the user's, and how files become a data set."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ssgan.checks import non_negative, one_of, positive
from ssgan.data.options import DataOptions
from ssgan.errors import ConfigError, DataError

if TYPE_CHECKING:
    from ssgan.data.images import ImageData

log = logging.getLogger(__name__)

# Unreadable files that an error names before it only counts the rest.
_NAMED = 5


@dataclass(kw_only=True)
class FileOptions(DataOptions):
    """Image files of any size and mode, decoded once and then kept in the user's cache folder until one changes."""

    path: str
    """The folder (``~`` is expanded)."""
    image_size: int = 32
    """Side of the square that images are resized to, in pixels."""
    channels: int = 3
    """3 for RGB, 1 for grey."""
    resize: str = "crop"
    """"crop": scale the shorter side and cut out the centre; "squash": change the aspect ratio."""
    num_test: int = 0
    """Where no test images are named: number of labelled images set aside for the test, the same for each class;
    whatever ``seed`` is, the same ones."""
    unreadable: str = "refuse"
    """"refuse" to load if a file cannot be decoded, or "skip" such files with a warning that names them."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.path:
            raise ConfigError("data.path is empty; name a folder of images")
        positive("data.image_size", self.image_size)
        non_negative("data.num_test", self.num_test)
        one_of("data.channels", self.channels, (1, 3))
        one_of("data.resize", self.resize, ("crop", "squash"))
        one_of("data.unreadable", self.unreadable, ("refuse", "skip"))

    def root_folder(self) -> Path:
        """``path`` as an absolute folder.

        Raises:
            DataError: there is no such folder.
        """
        root = Path(self.path).expanduser().resolve()
        if not root.is_dir():
            raise DataError(f"{root}: there is no such folder; data.path must name a folder of images")
        return root

    def decoded(
        self, root: Path, files: Sequence[str], groups: Sequence[int], classes: Sequence[str], empty: Sequence[str]
    ) -> ImageData:
        """Decode files, or take them from the cache, and put them together.

        Args:
            root: absolute folder.
            files: paths relative to it.
            groups: what each file is: k < K a training image of class k, K + k a test image of class k, 2K an image
                without a label.
            classes: names of the K classes.
            empty: of each group that must not be empty, what to say if none of its files is readable.

        Raises:
            DataError: a group is empty, or files are unreadable.
        """
        import torch

        from ssgan.data.decoded import decode_files
        from ssgan.data.images import ImageData
        from ssgan.data.split import split_test

        images, failures = decode_files(root, files, self.image_size, self.channels, self.resize)
        if failures:
            self._report([f"{printable(files[i])} ({reason})" for i, reason in failures.items()], root)
        x, group = torch.from_numpy(images), torch.tensor(groups)
        group[list(failures)] = -1  # in no group
        for g, says in enumerate(empty):
            if not (group == g).any():
                raise DataError(says)
        k, names = len(classes), tuple(map(printable, classes))
        train = ((group >= 0) & (group < k)).nonzero().flatten()
        test = ((group >= k) & (group < 2 * k)).nonzero().flatten()
        unlabelled = group == 2 * k
        if self.num_test:
            train, test = (train[part] for part in split_test(group[train], k, self.num_test, names))
        return ImageData(
            x_train=x[train],
            y_train=group[train],
            x_unlabelled=x[unlabelled] if unlabelled.any() else None,
            x_test=x[test],
            y_test=group[test] % k,
            classes=names,
        )

    def _report(self, unreadable: Sequence[str], root: Path) -> None:
        """Refuse unreadable files, or warn about all of them, as the option says."""
        count = f"{len(unreadable)} unreadable image{'s' if len(unreadable) > 1 else ''}"
        if self.unreadable == "skip":
            log.warning("%s: skipped %s: %s", root, count, ", ".join(unreadable))
            return
        raise DataError(
            f"{root}: {count}: {first_few(unreadable)}; remove them, or leave them out with data.unreadable=skip"
        )


def first_few(names: Sequence[str]) -> str:
    """Some names, and how many more there are."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


def printable(name: str) -> str:
    """A file's name, what is not UTF-8 in it written out, for nothing can print it."""
    return name.encode(errors="backslashreplace").decode()
