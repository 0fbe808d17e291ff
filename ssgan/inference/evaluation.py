"""How good a classifier's predictions are: error, classes, confusions, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import torch
from scipy.stats import binom
from torch import Tensor
from torchmetrics.functional.classification import (
    multiclass_confusion_matrix,
    multiclass_f1_score,
    multiclass_precision,
    multiclass_recall,
)

from ssgan.errors import DataError

#: Bins of confidence, equal in width, as in Guo et al. 2017, "On Calibration of Modern Neural Networks".
BINS = 15


class ClassScores(NamedTuple):
    """One class: how many test images it has, and how well they are found."""

    name: str
    images: int
    precision: float
    recall: float
    f1: float


class ConfidenceBin(NamedTuple):
    """Predictions of like confidence: how many, their mean confidence, and the fraction that is right."""

    images: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Predictions of n test images against their labels.

    ``probabilities`` is ``[n, K]``, ``labels`` ``[n]``, ``classes`` the K names.
    """

    probabilities: Tensor
    labels: Tensor
    classes: Sequence[str]

    def __post_init__(self) -> None:
        if not len(self.labels):
            raise DataError("there is no test image to evaluate with")

    @cached_property
    def predicted(self) -> Tensor:
        """The most probable class of each image."""
        return self.probabilities.argmax(1)

    @cached_property
    def confidence(self) -> Tensor:
        """The probability of that class."""
        return self.probabilities.amax(1)

    @property
    def errors(self) -> int:
        """How many images are misclassified."""
        return int((self.predicted != self.labels).sum())

    @property
    def error(self) -> float:
        """The fraction that is misclassified."""
        return self.errors / len(self.labels)

    def error_interval(self, level: float = 0.95) -> tuple[float, float]:
        """The percentile bootstrap interval of the error over test images.

        The number of errors among n images drawn with replacement is binomial, so the interval of infinitely many
        resamples is a pair of its quantiles. It says how far the *test set* could mislead; how far runs differ, only
        several runs can tell.
        """
        n = len(self.labels)
        low, high = binom.ppf([(1 - level) / 2, (1 + level) / 2], n, self.error)
        return float(low) / n, float(high) / n

    @cached_property
    def confusion(self) -> Tensor:
        """``[K, K]``: how many images of the row's class were taken for the column's."""
        return multiclass_confusion_matrix(self.predicted, self.labels, len(self.classes))

    @cached_property
    def class_scores(self) -> list[ClassScores]:
        """Each class by itself; a ratio without a denominator is 0."""
        arguments: dict[str, Any] = {"num_classes": len(self.classes), "average": None}
        scores = [
            score(self.predicted, self.labels, **arguments).tolist()
            for score in (multiclass_precision, multiclass_recall, multiclass_f1_score)
        ]
        images = self.labels.bincount(minlength=len(self.classes)).tolist()
        return [ClassScores(*row) for row in zip(self.classes, images, *scores, strict=True)]

    @cached_property
    def bins(self) -> list[ConfidenceBin]:
        """:data:`BINS` bins over (0, 1], empty ones included."""
        edges = torch.linspace(0, 1, BINS + 1, dtype=torch.float64)
        index = torch.bucketize(self.confidence.double(), edges[1:-1])
        right = (self.predicted == self.labels).double()
        bins = []
        for number in range(BINS):
            inside = index == number
            count = int(inside.sum())
            means = [float(values[inside].double().mean()) if count else 0.0 for values in (self.confidence, right)]
            bins.append(ConfidenceBin(count, *means))
        return bins

    @property
    def calibration_error(self) -> float:
        """The expected calibration error: the mean over images of |confidence − accuracy| of their bin."""
        return sum(b.images * abs(b.confidence - b.accuracy) for b in self.bins) / len(self.labels)

    def mistakes(self, most: int) -> Tensor:
        """Indices of the misclassified images, the most confident first; at most ``most`` of them."""
        wrong = (self.predicted != self.labels).nonzero().flatten()
        return wrong[self.confidence[wrong].argsort(descending=True, stable=True)][:most]

    def summary(self, level: float = 0.95) -> dict[str, Any]:
        """All numbers, for JSON."""
        low, high = self.error_interval(level)
        return {
            "test_error": self.error,
            "test_errors": self.errors,
            "test_size": len(self.labels),
            "interval": {"level": level, "low": low, "high": high},
            "expected_calibration_error": self.calibration_error,
            "classes": [scores._asdict() for scores in self.class_scores],
            "confusion": self.confusion.tolist(),
            "reliability": [b._asdict() for b in self.bins],
        }


def ensemble(members: Sequence[Evaluation]) -> Evaluation:
    """The mean of the members' probabilities, as in the paper's ensembles (section 6).

    Raises:
        DataError: the members have not the same test images' labels and classes.
    """
    first = members[0]
    for member in members[1:]:
        if tuple(member.classes) != tuple(first.classes) or not torch.equal(member.labels, first.labels):
            raise DataError("an ensemble's members need the same test images and classes")
    return Evaluation(torch.stack([m.probabilities for m in members]).mean(0), first.labels, first.classes)
