"""Errors of members and of the ensemble against counting by hand."""

from __future__ import annotations

import pytest
import torch

from ssgan.errors import ConfigError
from ssgan.training.error_rates import ErrorRates
from ssgan.training.members import ONE, Members

RNG = torch.Generator().manual_seed(0)
LOGITS = 3 * torch.randn(4, 50, 10, generator=RNG)
LABELS = torch.randint(0, 10, (50,), generator=RNG)


def wrong(scores: torch.Tensor, labels: torch.Tensor) -> float:
    return sum(int(row.argmax()) != int(label) for row, label in zip(scores, labels, strict=True)) / len(labels)


def test_of_a_single_model() -> None:
    errors = ErrorRates(10, ONE)
    for part in (slice(0, 30), slice(30, 50)):
        errors.update("test", LOGITS[0, part], LABELS[part])
    found = errors.compute("test")
    assert found is not None and found.ensemble is None
    assert found.each == [pytest.approx(wrong(LOGITS[0], LABELS))] and found.mean == found.each[0]
    assert found.metrics("test") == {"test/error": found.mean}
    assert errors.compute("test") is None and errors.compute("val") is None, "what was computed is forgotten"


def test_of_an_ensemble_on_common_images() -> None:
    errors = ErrorRates(10, Members(4))
    for part in (slice(0, 30), slice(30, 50)):
        errors.update("test", LOGITS[:, part], LABELS[part])
    found = errors.compute("test")
    assert found is not None
    assert found.each == pytest.approx([wrong(each, LABELS) for each in LOGITS])
    mean = sum(each.softmax(1) for each in LOGITS) / 4
    assert found.ensemble == pytest.approx(wrong(mean, LABELS))
    assert found.mean == pytest.approx(sum(found.each) / 4)
    assert found.metrics("val") == {"val/error": found.mean, "val/ensemble_error": found.ensemble}


def test_members_with_images_of_their_own_have_no_common_error() -> None:
    errors = ErrorRates(10, Members(4))
    labels = torch.randint(0, 10, (4, 50), generator=RNG)
    errors.update("val", LOGITS, labels)
    found = errors.compute("val")
    assert found is not None and found.ensemble is None
    assert found.each == pytest.approx([wrong(*pair) for pair in zip(LOGITS, labels, strict=True)])


def test_an_ensemble_is_not_measured_on_one_member_s_held_out_images() -> None:
    errors = ErrorRates(10, Members(4))
    with pytest.raises(ConfigError, match=r"they come from ssgan\.data\.ensemble\.EnsembleData"):
        errors.update("val", LOGITS, torch.zeros(50, dtype=torch.int64))
    assert errors.compute("val") is None


def test_an_ensemble_votes_by_probabilities_not_by_logits() -> None:
    errors = ErrorRates(2, Members(3))
    # The logits sum to 10 and 6, the probabilities to 1.1 and 1.9.
    logits = torch.tensor([[[10.0, 0.0]], [[0.0, 3.0]], [[0.0, 3.0]]])
    errors.update("test", logits, torch.tensor([1]))
    found = errors.compute("test")
    assert found is not None and found.ensemble == 0.0 and found.each == [1.0, 0.0, 0.0]
