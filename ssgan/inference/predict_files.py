"""Image files → predictions: which files are meant, and the network fed with them."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from itertools import tee
from pathlib import Path
from typing import TYPE_CHECKING

from ssgan.data.image_files import image_files
from ssgan.errors import DataError
from ssgan.inference.predictions import FilePrediction
from ssgan.inference.read_ahead import read_ahead

if TYPE_CHECKING:
    from ssgan.inference.trained import TrainedModel


def find_files(given: Sequence[str], others: Counter[str] | None = None) -> list[str]:
    """The files that are meant, in the order given, each once.

    A folder means the images in it and its subfolders, sorted, hidden ones left out. A pattern (``*``, ``?``, ``[…]``,
    ``**`` for any number of folders) means the files and folders that it matches, sorted. A file is taken whatever its
    ending, and also if it is not there: that will be noticed where it is read.

    Args:
        given: names.
        others: gets the endings of the files in folders that are no images by them, and how many of each there are.

    Raises:
        DataError: a folder has no images, or none are meant at all.
    """
    found: list[str] = []
    for name in given:
        path = Path(name).expanduser()
        if path.exists() or not glob.has_magic(name):
            found += _in_folder(path, others) if path.is_dir() else [str(path)]
            continue
        matches = [Path(match) for match in sorted(glob.glob(str(path), recursive=True))]
        files = [str(match) for match in matches if match.is_file()]
        for folder in (match for match in matches if match.is_dir()):
            files += (str(folder / file) for file in image_files(folder, others=others))
        found += sorted(files) or [str(path)]
    return list(dict.fromkeys(found))


def _in_folder(folder: Path, others: Counter[str] | None) -> list[str]:
    files = image_files(folder, others=others)
    if not files:
        raise DataError(f"{folder}: there are no images in this folder")
    return [str(folder / file) for file in files]


def predict_files(
    model: TrainedModel,
    files: Sequence[str],
    executor: Executor,
    batch_size: int | None = None,
    unreadable: dict[str, str] | None = None,
    advance: Callable[[int], None] = lambda count: None,
) -> Iterator[FilePrediction]:
    """The prediction for each file that can be read, in their order.

    Args:
        model: classifies.
        files: paths.
        executor: decodes, ahead of the network.
        batch_size: files that are classified together; None: the model's choice.
        unreadable: gets the reason of each file that cannot be read.
        advance: is told of every batch how many files are dealt with, unreadable ones included.
    """
    import torch

    read, fed = tee(read_ahead(files, model.form, batch_size or model.batch_size, executor))
    predictions = model.predict_each(torch.from_numpy(batch.pixels) for batch in fed)  # which looks ahead
    for batch, prediction in zip(read, predictions, strict=True):
        if unreadable is not None:
            unreadable.update(batch.unreadable)
        rows = zip(
            batch.files, prediction.names, prediction.probabilities.tolist(), prediction.realness.tolist(), strict=True
        )
        for row in rows:
            yield FilePrediction(*row)
        advance(len(batch.files) + len(batch.unreadable))
