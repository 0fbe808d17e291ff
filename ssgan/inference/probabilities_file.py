"""What a model said of its test set as a file: it can be measured and combined when the model is no longer there."""

from __future__ import annotations

import json
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
import torch

from ssgan.atomic_write import atomic_write
from ssgan.errors import ConfigError
from ssgan.inference.evaluation import Evaluation

#: Ending by which the file is told from a run's folder or a checkpoint.
SUFFIX = ".npz"


class MeasuredModel(NamedTuple):
    """A model's predictions of a test set, and which model and test set they are of."""

    evaluation: Evaluation
    facts: dict[str, Any]
    """Plain values that say of which model: its seeds, where it was computed."""
    test_set: str
    """:meth:`ssgan.data.images.ImageData.test_checksum` of the test set."""


def write_probabilities(tested: MeasuredModel, path: Path) -> None:
    """Write arrays ``probabilities`` ``[n, K]``, ``labels`` ``[n]``, ``classes``, and what else there is."""
    evaluation, facts, test_set = tested
    with atomic_write(path) as aside:
        np.savez_compressed(
            aside,
            probabilities=evaluation.probabilities.numpy(),
            labels=evaluation.labels.numpy(),
            classes=np.array(evaluation.classes),
            facts=json.dumps(facts),
            test_set=test_set,
        )


def read_probabilities(path: Path) -> MeasuredModel:
    """What :func:`write_probabilities` has written, of whatever floating-point type; no pickled code is executed.

    Raises:
        ConfigError: there is no such file, or it is not one of these.
        OSError: it cannot be read.
    """
    try:
        content = BytesIO(path.read_bytes())  # the operating system's own errors say themselves what is wrong
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: there is no such file") from error
    try:
        with np.load(content, allow_pickle=False) as file:
            probabilities, labels = (torch.from_numpy(file[name]) for name in ("probabilities", "labels"))
            classes = tuple(map(str, file["classes"]))
            facts, test_set = json.loads(str(file["facts"])), str(file["test_set"])
    except (EOFError, KeyError, NotImplementedError, TypeError, ValueError, BadZipFile, zlib.error) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{path}: not a file of probabilities that ssgan.evaluate has written ({reason})") from error
    if probabilities.shape != (len(labels), len(classes)):
        raise ConfigError(f"{path}: probabilities {tuple(probabilities.shape)} of {len(labels)} labels is not whole")
    return MeasuredModel(Evaluation(probabilities.float(), labels, classes), facts, test_set)
