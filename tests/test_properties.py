"""What holds for any logits, features and parameters, in any precision and for any batch: found by hypothesis.

Each loss is compared with its formula in float64, written with the K+1 log-probabilities themselves.
"""

from __future__ import annotations

import math
from random import Random

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor

from ssgan.layers import HistoricalAverage, MinibatchFeatures, VirtualBatchNorm
from ssgan.losses import labelled_loss, non_saturating_loss, real_logit, saturating_loss, unlabelled_loss
from ssgan.tricks.conditional_entropy import conditional_entropy_loss
from ssgan.tricks.consistency import consistency_loss
from ssgan.tricks.feature_matching import feature_matching_loss
from ssgan.tricks.pull_away import SHORTEST, pull_away_term
from ssgan.tricks.virtual_adversarial import divergence

DTYPES = (torch.float32, torch.bfloat16, torch.float16)

#: Largest magnitude that is drawn: of bfloat16 and float32, whose mean over a batch must not overflow; of float16.
LARGEST = {torch.float32: 2.0**100, torch.bfloat16: 2.0**100, torch.float16: 65504.0}

#: Rounding of a gradient in the precision of the logits, and what is too small for it.
TOLERANCE = {torch.float32: (1e-4, 1e-6), torch.bfloat16: (2.0**-7, 1e-6), torch.float16: (2.0**-9, 1e-6)}


@st.composite
def matrices(draw: st.DrawFn, largest: float | None = None, rows: int = 9, columns: int = 6, dtypes=DTYPES) -> Tensor:
    """A batch ``[n, K]``, n and K from 1 on: of all magnitudes, or of ordinary ones, or all values equal."""
    dtype = draw(st.sampled_from(dtypes))
    limit = draw(st.sampled_from([1.0, 30.0, largest or LARGEST[dtype]]))
    shape = draw(st.integers(1, rows)), draw(st.integers(1, columns))
    elements = st.floats(-limit, limit, width=32 if limit > 65504 else 16)
    fill = draw(st.sampled_from([None, elements]))
    array = np.full(shape, draw(elements)) if fill is None else draw(arrays(np.float32, shape, elements=elements))
    return torch.tensor(array, dtype=torch.float32).to(dtype)


def log_probabilities(logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """``log p(y | x)`` for y ≤ K, ``log D(x)`` and ``log(1 − D(x))`` in float64."""
    padded = torch.cat([logits.double(), torch.zeros(len(logits), 1, dtype=torch.float64)], 1)
    log_p = torch.log_softmax(padded, 1)
    largest = logits.detach().double().amax(1, keepdim=True)  # set apart: float64 rounds logits of 1e12 too
    s = torch.logsumexp(logits.double() - largest, 1) + largest.squeeze(1)
    return log_p[:, :-1], -torch.nn.functional.softplus(-s), log_p[:, -1]


def check(value: Tensor, leaves: list[Tensor], expected: Tensor, expected_leaves: list[Tensor]) -> list[Tensor]:
    """Value and gradients are finite and those of the formula in float64; return the gradients.

    A value is as exact as the largest logit is: with smoothing, terms of its size are subtracted.
    """
    assert value.dtype == torch.float32 and value.shape == () and value.isfinite()
    largest = max(float(leaf.detach().float().abs().max()) for leaf in leaves)
    torch.testing.assert_close(value.double(), expected, rtol=1e-5, atol=1e-5 + 1e-6 * largest)
    gradients = torch.autograd.grad(value, leaves)
    wanted = torch.autograd.grad(expected, expected_leaves)
    for leaf, gradient, reference in zip(leaves, gradients, wanted, strict=True):
        assert gradient.isfinite().all()
        rtol, atol = TOLERANCE[leaf.dtype]
        torch.testing.assert_close(gradient.double(), reference, rtol=rtol, atol=atol)
    return list(gradients)


def leaf(x: Tensor) -> tuple[Tensor, Tensor]:
    """The logits as they are, and the same in float64."""
    return x.clone().requires_grad_(), x.double().requires_grad_()


@given(matrices(), st.data())
def test_the_labelled_loss(logits: Tensor, data: st.DataObject):
    labels = torch.tensor(
        data.draw(st.lists(st.integers(0, logits.shape[1] - 1), min_size=len(logits), max_size=len(logits)))
    )
    a, b = leaf(logits)
    value = labelled_loss(a, labels)
    assert value >= 0
    expected = -torch.log_softmax(b, 1)[torch.arange(len(labels)), labels].mean()
    [gradient] = check(value, [a], expected, [b])
    assert (gradient[torch.arange(len(labels)), labels] <= 0).all(), "the right class is never made less likely"


@given(matrices(), matrices(), st.floats(0, 1))
@example(torch.full((2, 3), 1e4), torch.full((1, 3), -1e4), 0.9)
def test_the_unlabelled_loss(real: Tensor, fake: Tensor, alpha: float):
    (a, a64), (b, b64) = leaf(real), leaf(fake)
    _, log_real, log_not = log_probabilities(a64)
    expected = -0.5 * (alpha * log_real + (1 - alpha) * log_not).mean() - 0.5 * log_probabilities(b64)[2].mean()
    value = unlabelled_loss(a, b, alpha)
    assert value >= -1e-5 * max(1.0, float(real.abs().max()))
    gradient, fake_gradient = check(value, [a, b], expected, [a64, b64])
    assert (fake_gradient >= 0).all(), "D makes generated images look less real"
    if alpha == 1:
        assert (gradient <= 0).all(), "and real ones more"


@pytest.mark.parametrize(("loss", "term", "sign"), [(non_saturating_loss, 1, 1), (saturating_loss, 2, -1)])
@given(logits=matrices())
def test_the_generators_losses(loss, term: int, sign: int, logits: Tensor):
    a, b = leaf(logits)
    value = loss(a)
    assert sign * value >= 0
    [gradient] = check(value, [a], -sign * log_probabilities(b)[term].mean(), [b])
    assert (gradient <= 0).all(), "G makes its images look more real"


@given(matrices())
def test_the_real_logit_is_at_least_the_largest_logit(logits: Tensor):
    s = real_logit(logits)
    assert s.dtype == torch.float32 and s.isfinite().all()
    largest = logits.float().amax(1)
    assert (s >= largest - 1e-6 * largest.abs().clamp_min(1)).all()


@pytest.mark.parametrize("norm", ["l1", "l2"])
@given(data=st.data())
def test_feature_matching(norm: str, data: st.DataObject):
    fake = data.draw(matrices(1e4))
    real = data.draw(
        arrays(np.float32, (data.draw(st.integers(1, 9)), fake.shape[1]), elements=st.floats(-1e4, 1e4, width=16))
    )
    (a, a64), (b, b64) = leaf(fake), leaf(torch.tensor(real).to(fake.dtype))
    value = feature_matching_loss(a, b, norm)
    difference = a64.mean(0) - b64.mean(0)
    expected = difference.abs().mean() if norm == "l1" else difference.square().mean()
    assert value.isfinite() and value >= 0
    torch.testing.assert_close(value.double(), expected, rtol=1e-4, atol=1e-2 if norm == "l1" else 1.0)
    if norm == "l2":  # the gradient of l1 is a sign, which rounding may turn where the means are equal
        gradients, wanted = torch.autograd.grad(value, [a, b]), torch.autograd.grad(expected, [a64, b64])
        rtol, _ = TOLERANCE[fake.dtype]
        for gradient, reference in zip(gradients, wanted, strict=True):
            torch.testing.assert_close(gradient.double(), reference, rtol=2 * rtol, atol=2e-3)


@given(matrices())
def test_the_conditional_entropy(logits: Tensor):
    a, b = leaf(logits)
    value = conditional_entropy_loss(a)
    assert -1e-6 <= value <= math.log(logits.shape[1]) + 1e-5
    log_p = torch.log_softmax(b, 1)
    check(value, [a], -(log_p.exp() * log_p).sum(1).mean(), [b])


@given(matrices(), st.randoms(use_true_random=False))
def test_terms_that_compare_two_predictions(logits: Tensor, random: Random):
    columns = random.sample(range(logits.shape[1]), logits.shape[1])
    (a, a64), (b, b64) = leaf(logits), leaf(logits[:, columns])
    p, q = torch.softmax(a64, 1), torch.softmax(b64, 1)
    value = consistency_loss(a, b)
    assert 0 <= value <= 2 + 1e-5
    check(value, [a, b], (p - q).square().sum(1).mean(), [a64, b64])
    apart = divergence(a, b)
    assert apart.isfinite().all()
    largest = float(logits.float().abs().max())
    assert (apart >= -1e-5 * max(1.0, largest)).all()
    expected = (p * (torch.log_softmax(a64, 1) - torch.log_softmax(b64, 1))).sum(1)
    torch.testing.assert_close(apart.double(), expected, rtol=1e-4, atol=1e-5 + 1e-6 * largest)
    assert all(gradient.isfinite().all() for gradient in torch.autograd.grad(apart.mean(), [a, b]))


@given(matrices(1e4))
def test_the_pull_away_term(features: Tensor):
    a, b = leaf(features)
    value = pull_away_term(a)
    assert value.dtype == torch.float32 and 0 <= value <= 1 + 1e-5
    [gradient] = torch.autograd.grad(value, [a])
    assert gradient.isfinite().all()
    n, unit = len(b), b / b.norm(dim=1, keepdim=True).clamp_min(SHORTEST)
    pairs = [(unit[i] @ unit[j]).square() for i in range(n) for j in range(n) if i != j]
    expected = torch.stack(pairs).mean() if pairs else torch.zeros((), dtype=torch.float64)
    torch.testing.assert_close(value.double(), expected.detach(), rtol=1e-4, atol=1e-5)


@given(matrices(1e4, dtypes=(torch.float32,)), st.floats(0, 10), st.integers(1, 4))
def test_historical_averaging(start: Tensor, weight: float, steps: int):
    past, parameter = [start], start.clone().requires_grad_()
    penalty = HistoricalAverage([parameter], weight)
    assert penalty([parameter]).item() == 0
    for _ in range(steps):
        with torch.no_grad():
            parameter += 1
        penalty.update([parameter])
        past.append(parameter.detach().clone())
    mean = torch.stack(past).double().mean(0)
    value = penalty([parameter])
    assert value >= 0 and value.isfinite()
    [gradient] = torch.autograd.grad(value, [parameter])
    torch.testing.assert_close(
        gradient.double(), 2 * weight * (parameter.detach().double() - mean), rtol=1e-3, atol=0.1
    )


@given(matrices(100.0, columns=3), st.booleans())
def test_minibatch_discrimination(features: Tensor, include_self: bool):
    layer = MinibatchFeatures(features.shape[1], kernels=2, dim=3, reference_size=1, include_self=include_self)
    layer.draw_parameters(torch.Generator().manual_seed(0))
    a, b = leaf(features)
    output = layer(a.unsqueeze(0)).squeeze(0)
    n = len(features)
    assert output.dtype == torch.float32 and output.shape == (n, 2) and output.isfinite().all()
    weight = layer.weight.detach().double()
    rows = torch.einsum("na,abc->nbc", b, weight / weight.square().sum(0).add(1e-12).sqrt())
    sums = [
        sum((torch.exp(-(rows[i] - rows[j]).abs().sum(1)) for j in range(n) if include_self or j != i), torch.zeros(2))
        for i in range(n)
    ]
    expected = torch.stack(sums) - 1
    torch.testing.assert_close(output.double(), expected.double(), rtol=1e-3, atol=1e-3)
    assert (output >= -1 - 1e-5).all() and (output <= n - 1 + 1e-5).all()
    [gradient] = torch.autograd.grad(output.sum(), [a])
    assert gradient.isfinite().all()
    same = features[:1].expand(n, -1)  # a collapsed batch: all sums are as large as they can be
    collapsed = layer(same.unsqueeze(0))
    torch.testing.assert_close(collapsed, torch.full_like(collapsed, n - 2 + float(include_self)), rtol=0, atol=1e-4)


@given(matrices(1e4, columns=3), st.integers(1, 4))
def test_virtual_batch_norm_of_an_example_is_its_own(examples: Tensor, reference_size: int):
    layer = VirtualBatchNorm(examples.shape[1], reference_size)
    reference = torch.linspace(-1, 1, reference_size * examples.shape[1]).view(reference_size, -1).to(examples.dtype)
    together = layer(torch.cat([reference, examples]))
    assert together.isfinite().all() and together.dtype == examples.dtype
    for i in range(len(examples)):
        alone = layer(torch.cat([reference, examples[i : i + 1]]))
        torch.testing.assert_close(together[reference_size + i], alone[reference_size], rtol=1e-2, atol=1e-2)
