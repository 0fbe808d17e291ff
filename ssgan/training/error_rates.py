"""The fraction of misclassified images, of a model or of an ensemble's members and of the ensemble."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from torch import Tensor, nn
from torchmetrics.classification import MulticlassAccuracy

from ssgan.errors import ConfigError
from ssgan.training.members import Members

#: What is evaluated: held-out labelled images, and the test set.
SPLITS = ("val", "test")


class Errors(NamedTuple):
    """Errors, as fractions, of ``each`` member, and of the ``ensemble`` by the mean of its members' probabilities."""

    each: list[float]
    ensemble: float | None = None

    @property
    def mean(self) -> float:
        """Over the members."""
        return sum(self.each) / len(self.each)

    def metrics(self, split: str) -> dict[str, float]:
        """``<split>/error``, and of an ensemble ``<split>/ensemble_error``."""
        own = {} if self.ensemble is None else {f"{split}/ensemble_error": self.ensemble}
        return {f"{split}/error": self.mean, **own}


class ErrorRates(nn.Module):
    """Counts errors of K-way logits on the splits, over all processes; ``latest`` are the last ones of each split.

    Args:
        num_classes: K.
        members: of an ensemble, or a single model.
    """

    def __init__(self, num_classes: int, members: Members) -> None:
        super().__init__()

        def accuracies(count: int) -> nn.ModuleList:
            # Unvalidated: to validate is to wait for the device at each batch.
            options: dict[str, Any] = {"average": "micro", "validate_args": False}
            return nn.ModuleList(MulticlassAccuracy(num_classes, **options) for _ in range(count))

        self.members = nn.ModuleDict({split: accuracies(members.count or 1) for split in SPLITS})
        self.latest: dict[str, Errors] = {}
        self._at: dict[str, int] = {}
        self.ensemble = nn.ModuleDict({split: accuracies(0 if members.count is None else 1) for split in SPLITS})

    def update(self, split: str, logits: Tensor, labels: Tensor) -> None:
        """Count a batch.

        Args:
            split: ``val`` or ``test``.
            logits: ``[n, K]``, of an ensemble ``[members, n, K]``.
            labels: ``[n]``, or ``[members, n]`` where each member has images of its own.

        Raises:
            ConfigError: held-out images of one member were given to an ensemble; the others may have learned from them.
        """
        if split == "val" and logits.ndim == 3 and labels.ndim == 1:
            raise ConfigError(
                "each member of an ensemble has held-out images of its own: they come from"
                " ssgan.data.ensemble.EnsembleData, not from SemiSupervisedData"
            )
        each = logits.view(-1, *logits.shape[-2:])
        for accuracy, own, right in zip(self._of(split), each, labels.expand(len(each), -1), strict=True):
            accuracy.update(own, right)
        if logits.ndim == 3 and labels.ndim == 1:  # of images of their own the members have no common prediction
            for accuracy in self._of(split, ensemble=True):
                accuracy.update(logits.float().softmax(-1).mean(0), labels)

    def finished(self, iteration: int) -> Iterator[tuple[dict[str, float], bool]]:
        """Of each split that was counted, its metrics, and whether they are the first of this iteration."""
        for split in SPLITS:
            if (found := self.compute(split)) is not None:
                self.latest[split] = found
                yield found.metrics(split), self._at.get(split) != iteration
                self._at[split] = iteration

    def compute(self, split: str) -> Errors | None:
        """The errors of what was counted since the last call; None if nothing was. On all processes at once."""
        members, ensemble = self._of(split), self._of(split, ensemble=True)
        if not members[0].update_called:
            return None
        each = [1 - accuracy.compute().item() for accuracy in members]
        common = [1 - accuracy.compute().item() for accuracy in ensemble if accuracy.update_called]
        for accuracy in [*members, *ensemble]:
            accuracy.reset()
        return Errors(each, *common)

    def _of(self, split: str, ensemble: bool = False) -> Any:
        return (self.ensemble if ensemble else self.members)[split]
