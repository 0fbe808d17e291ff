"""The K+1 losses against the explicit (K+1)-way softmax in float64, and against numbers known by hand."""

from __future__ import annotations

import math

import pytest
import torch

from ssgan.losses import (
    ADVERSARIAL_LOSSES,
    labelled_loss,
    non_saturating_loss,
    real_logit,
    saturating_loss,
    unlabelled_loss,
)

K = 5
LABELS = [3, 0, 4, 1, 1, 2, 0]


def probabilities(logits):
    """p(y | x) for y = 1 … K+1, example by example, with an explicit (K+1)-th logit 0."""
    rows = [torch.cat([row, row.new_zeros(1)]) for row in logits.double()]
    return [torch.exp(row - row.max()) / torch.exp(row - row.max()).sum() for row in rows]


def mean(values):
    return sum(values) / len(values)


def slow_labelled(logits):
    return -mean([torch.log(p[y] / (1 - p[-1])) for p, y in zip(probabilities(logits), LABELS, strict=False)])


def slow_unlabelled(real, fake, alpha):
    real_term = [alpha * torch.log(1 - p[-1]) + (1 - alpha) * torch.log(p[-1]) for p in probabilities(real)]
    return -0.5 * mean(real_term) - 0.5 * mean([torch.log(p[-1]) for p in probabilities(fake)])


LOSSES = {
    "labelled": (lambda a, b: labelled_loss(a, torch.tensor(LABELS[: len(a)])), lambda a, b: slow_labelled(a)),
    "unlabelled": (unlabelled_loss, lambda a, b: slow_unlabelled(a, b, 1.0)),
    "unlabelled, α=.9": (lambda a, b: unlabelled_loss(a, b, 0.9), lambda a, b: slow_unlabelled(a, b, 0.9)),
    "unlabelled, α=0": (lambda a, b: unlabelled_loss(a, b, 0.0), lambda a, b: slow_unlabelled(a, b, 0.0)),
    "non_saturating": (
        lambda a, b: ADVERSARIAL_LOSSES["non_saturating"](a),
        lambda a, b: -mean([torch.log(1 - p[-1]) for p in probabilities(a)]),
    ),
    "saturating": (
        lambda a, b: ADVERSARIAL_LOSSES["saturating"](a),
        lambda a, b: mean([torch.log(p[-1]) for p in probabilities(a)]),
    ),
}


def logits_for(n, seed=0, scale=3.0):
    return scale * torch.randn(n, K, generator=torch.Generator().manual_seed(seed))


def value_and_gradients(loss, *logits):
    leaves = [x.clone().requires_grad_() for x in logits]
    value = loss(*leaves)
    gradients = torch.autograd.grad(value, leaves, allow_unused=True)
    return value, [torch.zeros_like(x) if g is None else g for x, g in zip(logits, gradients, strict=True)]


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(("n", "m"), [(7, 4), (1, 1), (1, 3)])
def test_value_and_gradients_are_those_of_the_softmax_over_k_plus_1_classes(name, n, m):
    fast, slow = LOSSES[name]
    a, b = logits_for(n), logits_for(m, seed=1)
    value, gradients = value_and_gradients(fast, a, b)
    expected, expected_gradients = value_and_gradients(slow, a.double(), b.double())
    assert value.dtype == torch.float32 and value.shape == ()
    torch.testing.assert_close(value.double(), expected, rtol=1e-5, atol=1e-6)
    for gradient, wanted in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(gradient.double(), wanted, rtol=1e-4, atol=1e-6)


def test_real_logit_is_the_logit_of_not_being_the_generated_class():
    logits = logits_for(7)
    expected = torch.stack([1 - p[-1] for p in probabilities(logits)])
    torch.testing.assert_close(torch.sigmoid(real_logit(logits)).double(), expected, rtol=1e-5, atol=1e-7)


def softplus(s):
    return max(s, 0.0) + math.log1p(math.exp(-abs(s)))


@pytest.mark.parametrize("c", [-1e4, -30.0, -2.0, 0.0, 1.5, 30.0, 1e4])
@pytest.mark.parametrize("n", [1, 200])
def test_logits_that_are_all_equal(c, n):
    """All logits c: p(y | real) = 1/K and s = c + log K, so every loss can be written down."""
    logits, s = torch.full((n, K), c), c + math.log(K)
    known = {
        "labelled": (labelled_loss(logits, torch.zeros(n, dtype=torch.int64)), math.log(K)),
        "unlabelled": (unlabelled_loss(logits, logits), 0.5 * (softplus(-s) + softplus(s))),
        "smoothed": (unlabelled_loss(logits, logits, 0.9), 0.5 * (softplus(-s) + 0.1 * s + softplus(s))),
        "non_saturating": (non_saturating_loss(logits), softplus(-s)),
        "saturating": (saturating_loss(logits), -softplus(s)),
    }
    for name, (value, expected) in known.items():
        assert value.item() == pytest.approx(expected, rel=2e-6, abs=4e-6), name


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("n", [1, 7])
@pytest.mark.parametrize("kind", ["all high", "all low", "one high", "one low", "mixed"])
def test_logits_of_ten_thousand_leave_value_and_gradients_finite(name, n, kind):
    a = torch.full((n, K), -1e4 if kind in ("all low", "one high") else 1e4)
    if kind in ("one high", "one low"):
        a[:, 0] *= -1
    if kind == "mixed":
        a = 1e4 * logits_for(n).sign()
    for b in (a, -a):
        value, gradients = value_and_gradients(LOSSES[name][0], a, b)
        assert value.isfinite() and abs(value) < 3e4
        assert all(g.isfinite().all() and g.abs().sum(1).max() <= 2 / n + 1e-6 for g in gradients)


@pytest.mark.parametrize("s", [5.0, 10.0, 14.0, 19.0])
def test_a_nearly_certain_discriminator_keeps_its_small_gradients(s):
    """σ(s) − 1 = −1/(1 + e^s), which a difference of float32 numbers near 1 does not give."""
    real = torch.full((1, 1), s, requires_grad=True)
    (gradient,) = torch.autograd.grad(unlabelled_loss(real, torch.zeros(1, 1)), real)
    assert gradient.item() == pytest.approx(-0.5 / (1 + math.exp(s)), rel=1e-3)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_logits_are_computed_in_float32(name, dtype):
    fast, slow = LOSSES[name]
    a, b = logits_for(7).to(dtype), logits_for(4, seed=1).to(dtype)
    value, gradients = value_and_gradients(fast, a, b)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value.double(), slow(a.double(), b.double()), rtol=1e-5, atol=1e-6)
    assert all(g.dtype == dtype and g.isfinite().all() for g in gradients)


@pytest.mark.parametrize("name", LOSSES)
def test_autocast_does_not_lower_the_precision(name):
    fast, slow = LOSSES[name]
    a, b = logits_for(7), logits_for(4, seed=1)
    with torch.autocast("cpu", torch.bfloat16):
        value = fast(a, b)
    torch.testing.assert_close(value.double(), slow(a.double(), b.double()), rtol=1e-5, atol=1e-6)


def test_labelled_loss_does_not_see_a_shift_of_all_logits():
    logits, labels = logits_for(7), torch.tensor(LABELS)
    torch.testing.assert_close(labelled_loss(logits + 11.0, labels), labelled_loss(logits, labels))


@pytest.mark.parametrize("alpha", [0.0, 0.25, 0.9])
def test_smoothing_moves_the_real_target_and_nothing_else(alpha):
    real, fake = logits_for(7), logits_for(7, seed=1)
    value, (_, to_fake) = value_and_gradients(lambda a, b: unlabelled_loss(a, b, alpha), real, fake)
    hard, (_, to_fake_hard) = value_and_gradients(unlabelled_loss, real, fake)
    assert torch.equal(to_fake, to_fake_hard)
    s = torch.stack([torch.log(row.double().exp().sum()) for row in real])
    torch.testing.assert_close((value - hard).double(), 0.5 * (1 - alpha) * s.mean(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("alpha", [0.25, 0.5, 0.9])
def test_the_best_answer_to_a_real_image_is_alpha(alpha):
    real = torch.full((3, K), math.log(alpha / (1 - alpha)) - math.log(K))  # D(x) = α
    _, (gradient, _) = value_and_gradients(lambda a, b: unlabelled_loss(a, b, alpha), real, real)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient), rtol=0, atol=1e-7)


@pytest.mark.parametrize(("loss", "slope"), [(non_saturating_loss, -1.0), (saturating_loss, 0.0)])
def test_slope_where_the_discriminator_is_sure_of_a_fake(loss, slope):
    _, (gradient,) = value_and_gradients(loss, torch.full((1, K), -40.0))
    assert gradient.sum().item() == pytest.approx(slope, abs=1e-5)


@pytest.mark.parametrize("name", ["non_saturating", "saturating"])
def test_both_adversarial_losses_raise_the_fake_logits(name):
    _, (gradient,) = value_and_gradients(ADVERSARIAL_LOSSES[name], logits_for(7))
    assert (gradient < 0).all()
