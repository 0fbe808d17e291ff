"""An ensemble's logits against the means of its members' probabilities."""

from __future__ import annotations

import pytest
import torch

from ssgan.inference.ensemble_logits import of_mean_probabilities


@pytest.mark.parametrize("scale", [0.1, 3.0, 40.0])
def test_probabilities_and_realness_are_the_members_means(scale: float) -> None:
    logits = scale * torch.randn(5, 20, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = of_mean_probabilities(logits)
    torch.testing.assert_close(found.softmax(1), torch.stack([each.softmax(1) for each in logits]).mean(0))
    realness = torch.stack([1 - 1 / (1 + each.exp().sum(1)) for each in logits]).mean(0)
    torch.testing.assert_close(found.logsumexp(1).sigmoid(), realness)


@pytest.mark.parametrize("value", [-1e4, 0.0, 1e4])
def test_extreme_logits_stay_finite(value: float) -> None:
    logits = torch.full((3, 2, 10), value)
    logits[..., 0] += 1
    assert of_mean_probabilities(logits).isfinite().all()


def test_one_member_keeps_its_logits() -> None:
    logits = torch.randn(1, 6, 10)
    torch.testing.assert_close(of_mean_probabilities(logits).float(), logits[0])
