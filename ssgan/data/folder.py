"""The user's own image files, one folder for each class."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ssgan.data.file_options import FileOptions
from ssgan.data.image_files import EXTENSIONS, holds_runs, image_files, left_out, subfolders
from ssgan.errors import ConfigError, DataError

if TYPE_CHECKING:
    from ssgan.data.images import ImageData

log = logging.getLogger(__name__)

# Names under which images without a label may have been put, and those of the parts of a data set.
_UNLABELLED = ("unlabelled", "unlabeled", "unlabled")
_PARTS = ("train", "training", "val", "valid", "validation", "test", "testing")

_LIST = ", ".join(sorted(EXTENSIONS))


@dataclass(kw_only=True)
class Folder(FileOptions):
    """Image files of any size and mode, the classes being the names of folders.

    ::

        path/cat/*.png          labelled training images, one folder for each class
        path/dog/*.jpg
        path/unlabelled/**      training images without a label (may be absent)
        path/test/cat/*.png     test images, the same classes (or num_test takes some of the labelled ones)
        path/test/dog/*.jpg

    Folders are searched with their subfolders. Hidden files and files that are no images by their ending are ignored.
    """

    name: ClassVar[str] = "folder"
    unlabelled: str = "unlabelled"
    """Name of the subfolder of images without a label."""
    test: str = "test"
    """Name of the subfolder of test images."""

    def __post_init__(self) -> None:
        super().__post_init__()
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
        root = self.root_folder()
        classes = self._classes(root)
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
        numbers = [*range(len(classes) + len(tested)), 2 * len(classes)]
        group_of = [g for g, group in zip(numbers, groups, strict=True) for _ in group]
        empty = [
            f"{root / name}: there is no readable image in this folder, by its ending one of {_LIST}"
            for name in (*classes, *tested)
        ]
        return self.decoded(root, files, group_of, classes, empty)

    def _classes(self, root: Path) -> list[str]:
        """Names of the class folders, after a check that training and test set have the same."""
        classes = [
            name
            for name in subfolders(root)
            if name not in (self.unlabelled, self.test) and not holds_runs(root / name)
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
        test_classes = subfolders(test)
        for name in classes:
            if name not in test_classes:
                hint = f"; are its images unlabelled? data.unlabelled={name}" if name.lower() in _UNLABELLED else ""
                raise DataError(f"{test}: the class folder {name} is missing, which {root} has{hint}")
        for name in test_classes:
            if name not in classes:
                raise DataError(f"{test}: there is a class folder {name}, which {root} does not have")
        return classes


def _refuse_parts(root: Path, classes: Sequence[str]) -> None:
    """Refuse training and test images, class folders below each, as two classes. A train may be a class, though."""
    for part in (name for name in classes if name.lower() in _PARTS):
        if {*subfolders(root / part)} & {*classes}:
            raise DataError(
                f"{root / part} would be a class but holds folders of classes; if they are the test images,"
                f" data.test={part} without data.num_test says so"
            )
    if {name.lower() for name in classes} <= {*_PARTS}:
        raise DataError(
            f"{root}: {' and '.join(classes)} are no classes; class folders lie in data.path itself, those of the test"
            f" images in its folder {Folder.test}"
        )
