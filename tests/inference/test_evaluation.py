"""Numbers of an evaluation against slow restatements and known values."""

from __future__ import annotations

import random

import pytest
import torch
from torchmetrics.functional.classification import multiclass_calibration_error

from ssgan.errors import DataError
from ssgan.inference.evaluation import BINS, Evaluation, ensemble

N, K = 400, 4


@pytest.fixture
def evaluation() -> Evaluation:
    rng = torch.Generator().manual_seed(0)
    labels = torch.randint(0, K, (N,), generator=rng)
    logits = torch.randn(N, K, generator=rng) * 2
    logits[torch.arange(N), labels] += 1.5
    return Evaluation(logits.softmax(1), labels, ("a", "b", "c", "d"))


def rows(evaluation: Evaluation) -> list[tuple[int, int, float]]:
    """(label, prediction, confidence) of each image."""
    found = []
    for probabilities, label in zip(evaluation.probabilities.tolist(), evaluation.labels.tolist(), strict=True):
        best = max(range(K), key=lambda k: probabilities[k])
        found.append((label, best, probabilities[best]))
    return found


def test_errors_and_confusions_are_counts(evaluation: Evaluation) -> None:
    counts = [[0] * K for _ in range(K)]
    for label, predicted, _ in rows(evaluation):
        counts[label][predicted] += 1
    assert evaluation.confusion.tolist() == counts
    assert evaluation.errors == N - sum(counts[k][k] for k in range(K))
    assert evaluation.error == evaluation.errors / N


def test_class_scores_are_ratios_of_counts(evaluation: Evaluation) -> None:
    for k, scores in enumerate(evaluation.class_scores):
        hits = sum(label == predicted == k for label, predicted, _ in rows(evaluation))
        called = sum(predicted == k for _, predicted, _ in rows(evaluation))
        there = sum(label == k for label, _, _ in rows(evaluation))
        assert (scores.name, scores.images) == ("abcd"[k], there)
        assert scores.precision == pytest.approx(hits / called)
        assert scores.recall == pytest.approx(hits / there)
        assert scores.f1 == pytest.approx(2 * hits / (called + there))


def test_a_class_without_images_or_predictions_scores_0() -> None:
    evaluation = Evaluation(torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([0]), ("a", "b", "c"))
    assert evaluation.class_scores[1][1:] == (0, 0.0, 0.0, 0.0)


def test_the_interval_is_that_of_the_bootstrap(evaluation: Evaluation) -> None:
    wrong = [label != predicted for label, predicted, _ in rows(evaluation)]
    rng = random.Random(0)
    means = sorted(sum(rng.choices(wrong, k=N)) / N for _ in range(4000))
    low, high = evaluation.error_interval(0.9)
    assert low == pytest.approx(means[round(0.05 * 4000)], abs=1.5 / N)
    assert high == pytest.approx(means[round(0.95 * 4000)], abs=1.5 / N)
    assert evaluation.error_interval(0.99)[0] < low < evaluation.error < high


def test_no_errors_have_an_interval_at_0() -> None:
    evaluation = Evaluation(torch.eye(3), torch.arange(3), ("a", "b", "c"))
    assert (evaluation.error, evaluation.error_interval(), evaluation.mistakes(5).tolist()) == (0, (0, 0), [])


def test_calibration_is_a_loop_over_bins_and_torchmetrics_number(evaluation: Evaluation) -> None:
    total = 0.0
    for number in range(BINS):
        inside = [r for r in rows(evaluation) if number / BINS < r[2] <= (number + 1) / BINS]
        found = evaluation.bins[number]
        assert found.images == len(inside)
        if inside:
            confidence = sum(c for _, _, c in inside) / len(inside)
            accuracy = sum(label == predicted for label, predicted, _ in inside) / len(inside)
            assert (found.confidence, found.accuracy) == (pytest.approx(confidence), pytest.approx(accuracy))
            total += len(inside) / N * abs(confidence - accuracy)
    assert evaluation.calibration_error == pytest.approx(total)
    reference = multiclass_calibration_error(evaluation.probabilities, evaluation.labels, K, n_bins=BINS)
    assert evaluation.calibration_error == pytest.approx(reference.item(), abs=1e-6)


def test_mistakes_are_wrong_and_the_most_confident_first(evaluation: Evaluation) -> None:
    wrong = [(c, i) for i, (label, predicted, c) in enumerate(rows(evaluation)) if label != predicted]
    expected = [i for _, i in sorted(wrong, key=lambda pair: -pair[0])]
    assert evaluation.mistakes(7).tolist() == expected[:7]
    assert len(evaluation.mistakes(10 * N)) == evaluation.errors


def test_an_ensemble_is_the_mean_of_probabilities() -> None:
    labels, classes = torch.tensor([0, 1]), ("a", "b")
    a = Evaluation(torch.tensor([[0.9, 0.1], [0.6, 0.4]]), labels, classes)
    b = Evaluation(torch.tensor([[0.2, 0.8], [0.1, 0.9]]), labels, classes)
    together = ensemble([a, b])
    torch.testing.assert_close(together.probabilities, torch.tensor([[0.55, 0.45], [0.35, 0.65]]))
    assert (a.errors, b.errors, together.errors) == (1, 1, 0)
    with pytest.raises(DataError, match="the same test images"):
        ensemble([a, Evaluation(b.probabilities, labels.flip(0), classes)])
    with pytest.raises(DataError, match="no test image"):
        Evaluation(torch.empty(0, 2), torch.empty(0, dtype=torch.int64), classes)
