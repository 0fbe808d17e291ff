"""Feature matching against loops over examples and features."""

from __future__ import annotations

import pytest
import torch

from ssgan.tricks.feature_matching import feature_matching_loss


def slow_loss(fake, real, norm):
    total = 0
    for column in range(fake.shape[1]):
        difference = sum(row[column] for row in fake) / len(fake) - sum(row[column] for row in real) / len(real)
        total = total + (difference.abs() if norm == "l1" else difference * difference)
    return total / fake.shape[1]


def features(n, seed, columns=5):
    return torch.randn(n, columns, generator=torch.Generator().manual_seed(seed)) + seed


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize(("n", "m"), [(6, 6), (1, 1), (3, 7)])
def test_value_and_gradients_are_those_of_the_difference_of_means(norm, n, m):
    fake, real = features(n, 0).requires_grad_(), features(m, 1).requires_grad_()
    exact = [x.detach().double().requires_grad_() for x in (fake, real)]
    value, expected = feature_matching_loss(fake, real, norm), slow_loss(*exact, norm)
    torch.testing.assert_close(value.double(), expected, rtol=1e-5, atol=1e-6)
    for gradient, wanted in zip(
        torch.autograd.grad(value, [fake, real]), torch.autograd.grad(expected, exact), strict=True
    ):
        torch.testing.assert_close(gradient.double(), wanted, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("norm", "expected"), [("l1", (3 + 4) / 2), ("l2", (9 + 16) / 2)])
def test_known_numbers(norm, expected):
    fake, real = torch.tensor([[0.0, 0.0], [2.0, 2.0]]), torch.tensor([[4.0, -3.0]])
    assert feature_matching_loss(fake, real, norm).item() == expected


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_only_the_means_matter(norm):
    fake, real = features(6, 0), features(6, 1)
    value = feature_matching_loss(fake, real, norm)
    torch.testing.assert_close(feature_matching_loss(fake.flip(0), real, norm), value)
    spread = fake + torch.tensor([1.0, -1.0] * 3).unsqueeze(1)
    torch.testing.assert_close(feature_matching_loss(spread, real, norm), value)
    assert feature_matching_loss(fake, fake.flip(0), norm).item() == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_features_are_averaged_in_float32(norm, dtype):
    fake, real = (features(200, 0) + 30).to(dtype), (features(200, 1) + 30).to(dtype)
    value = feature_matching_loss(fake, real, norm)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value.double(), slow_loss(fake.double(), real.double(), norm), rtol=1e-5, atol=1e-6)
