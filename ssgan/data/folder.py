"""The user's own image files, one folder for each class."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ssgan.checks import non_negative, one_of, positive
from ssgan.data.image_files import EXTENSIONS, image_files, left_out
from ssgan.data.options import DataOptions
from ssgan.errors import ConfigError, DataError

if TYPE_CHECKING:
    from ssgan.data.images import ImageData

log = logging.getLogger(__name__)

# Unreadable files that an error names before it only counts the rest.
_NAMED = 5

# Names under which images without a label may have been put, and those of the parts of a data set.
_UNLABELLED = ("unlabelled", "unlabeled", "unlabled")
_PARTS = ("train", "training", "val", "valid", "validation", "test", "testing")

_LIST = ", ".join(sorted(EXTENSIONS))


@dataclass(kw_only=True)
class Folder(DataOptions):
    """Image files of any size and mode, the classes being the names of folders.

    ::

        path/cat/*.png          labelled training images, one folder for each class
        path/dog/*.jpg
        path/unlabelled/**      training images without a label (may be absent)
        path/test/cat/*.png     test images, the same classes (or num_test takes some of the labelled ones)
        path/test/dog/*.jpg

    Folders are searched with their subfolders. Hidden files and files that are no images by their ending are ignored.
    Images are decoded once and then kept in the user's cache folder, until a file or an option changes.
    """

    name: ClassVar[str] = "folder"
    path: str
    """The folder (``~`` is expanded)."""
    image_size: int = 32
    """Side of the square that images are resized to, in pixels."""
    channels: int = 3
    """3 for RGB, 1 for grey."""
    resize: str = "crop"
    """"crop": scale the shorter side and cut out the centre; "squash": change the aspect ratio."""
    unlabelled: str = "unlabelled"
    """Name of the subfolder of images without a label."""
    test: str = "test"
    """Name of the subfolder of test images."""
    num_test: int = 0
    """Without such a subfolder: number of labelled images set aside for the test, the same for each class; whatever
    ``seed`` is, the same ones."""
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
        for option in ("unlabelled", "test"):
            value = getattr(self, option)
            if value in ("", ".", "..") or Path(value).name != value:
                raise ConfigError(f"data.{option}={value}: must be the name of a folder inside data.path")
        if self.unlabelled == self.test:
            raise ConfigError(f"data.unlabelled={self.unlabelled}: must differ from data.test")

    def load(self) -> ImageData:
        """Decode all images, or take them from the cache.

        Raises:
            DataError: a folder is missing or empty, or files are unreadable.
        """
        import torch

        from ssgan.data.decoded import decode_files
        from ssgan.data.images import ImageData
        from ssgan.data.split import split_test

        root = Path(self.path).expanduser().resolve()
        classes = self._classes(root)
        # Groups of files in the order of the final tensors: training classes, test classes, unlabelled.
        others: Counter[str] = Counter()
        tested = [] if self.num_test else [f"{self.test}/{name}" for name in classes]
        groups = [image_files(root, folder, others) for folder in (*classes, *tested, self.unlabelled)]
        if others:
            log.warning("%s: %s", root, left_out(others))
        for folder in [root] if self.num_test else [root, root / self.test]:
            if loose := sum(
                entry.suffix.lower() in EXTENSIONS and not entry.name.startswith(".")
                for entry in folder.iterdir()
                if entry.is_file()
            ):
                log.warning(
                    "%s: left out %d images that lie in no folder of a class%s",
                    folder,
                    loose,
                    (f"; those without a label belong in {self.unlabelled}/" if folder == root else ""),
                )
        if not groups[-1] and self.num_labels is None:  # else those beyond the number are unlabelled
            log.warning("%s: no images in '%s': training has the labelled ones alone", root, self.unlabelled)
        files = [file for group in groups for file in group]
        group_of = [g for g, group in enumerate(groups) for _ in group]

        images, failures = decode_files(root, files, self.image_size, self.channels, self.resize)
        if failures:
            self._report([f"{_printable(files[i])} ({reason})" for i, reason in failures.items()], root)
        x, group = torch.from_numpy(images), torch.tensor(group_of)
        group[list(failures)] = -1  # in no group
        for g, name in enumerate([*classes, *tested]):
            if not (group == g).any():
                raise DataError(
                    f"{root / name}: there is no readable image in this folder, by its ending one of {_LIST}"
                )

        k, names = len(classes), tuple(map(_printable, classes))
        labelled = ((group >= 0) & (group < k)).nonzero().flatten()
        unlabelled = group == k + len(tested)
        if self.num_test:
            train, test = (labelled[part] for part in split_test(group[labelled], k, self.num_test, names))
        else:
            train, test = labelled, ((k <= group) & ~unlabelled).nonzero().flatten()
        return ImageData(
            x_train=x[train],
            y_train=group[train],
            x_unlabelled=x[unlabelled] if unlabelled.any() else None,
            x_test=x[test],
            y_test=group[test] % k,
            classes=names,
        )

    def _classes(self, root: Path) -> list[str]:
        """Names of the class folders, after a check that training and test set have the same."""
        if not root.is_dir():
            raise DataError(f"{root}: there is no such folder; data.path must name a folder of images")
        classes = [
            name
            for name in _subfolders(root)
            if name not in (self.unlabelled, self.test) and not _holds_runs(root / name)
        ]
        if len(classes) < 2:
            found = f"only {classes[0]}" if classes else "none"
            raise DataError(
                f"{root}: there must be at least 2 class folders of labelled images, but there is {found}; it is"
                f" <class>/, {self.unlabelled}/ and {self.test}/<class>/ in this folder"
            )
        test = root / self.test
        if self.num_test:
            if test.is_dir():
                raise DataError(f"{test} is there: data.num_test={self.num_test} is for a folder without test images")
            for name in classes:
                if name.lower() in _UNLABELLED:
                    raise DataError(f"{root / name}: if its images have no label, data.unlabelled={name} says so")
            _refuse_parts(root, classes)
            return classes
        if not test.is_dir():
            raise DataError(
                f"{test}: there is no such folder; test images belong there (data.test=<name>), or data.num_test=N sets"
                " N of the labelled ones aside"
            )
        test_classes = _subfolders(test)
        for name in classes:
            if name not in test_classes:
                hint = f"; are its images unlabelled? data.unlabelled={name}" if name.lower() in _UNLABELLED else ""
                raise DataError(f"{test}: the class folder {name} is missing, which {root} has{hint}")
        for name in test_classes:
            if name not in classes:
                raise DataError(f"{test}: there is a class folder {name}, which {root} does not have")
        return classes

    def _report(self, unreadable: Sequence[str], root: Path) -> None:
        """Refuse unreadable files, or warn about all of them, as the option says."""
        count = f"{len(unreadable)} unreadable image{'s' if len(unreadable) > 1 else ''}"
        if self.unreadable == "skip":
            log.warning("%s: skipped %s: %s", root, count, ", ".join(unreadable))
            return
        named = ", ".join(unreadable[:_NAMED])
        more = f" and {len(unreadable) - _NAMED} more" if len(unreadable) > _NAMED else ""
        raise DataError(f"{root}: {count}: {named}{more}; remove them, or leave them out with data.unreadable=skip")


def _subfolders(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _refuse_parts(root: Path, classes: Sequence[str]) -> None:
    """Refuse training and test images, class folders below each, as two classes. A train may be a class, though."""
    for part in (name for name in classes if name.lower() in _PARTS):
        if {*_subfolders(root / part)} & {*classes}:
            raise DataError(
                f"{root / part} would be a class but holds folders of classes; if they are the test images,"
                f" data.test={part} without data.num_test says so"
            )
    if {name.lower() for name in classes} <= {*_PARTS}:
        raise DataError(
            f"{root}: {' and '.join(classes)} are no classes; class folders lie in data.path itself, those of the test"
            f" images in its folder {Folder.test}"
        )


def _holds_runs(folder: Path) -> bool:
    """Whether it is Hydra's ``outputs`` or ``multirun``, which lie here if the command was given in this folder."""
    return any(next(folder.glob(f"{below}.hydra"), None) for below in ("", "*/", "*/*/", "*/*/*/"))


def _printable(name: str) -> str:
    """A file's name, what is not UTF-8 in it written out, for nothing can print it."""
    return name.encode(errors="backslashreplace").decode()
