"""Virtual adversarial training against eigenvectors of the exact second derivative, and against double backward."""

from __future__ import annotations

import pytest
import torch

from ssgan.machine.precision import set_matmul_precision
from ssgan.tricks import MinibatchDiscrimination, VirtualAdversarial
from ssgan.tricks.directions import unit
from ssgan.tricks.virtual_adversarial import adversarial_direction, divergence
from tests.tricks.steps import SHAPE, N, Step, assert_same_gradients, seeded


def linear(seed=0, inputs=6, classes=4):
    weight = torch.randn(classes, inputs, generator=seeded(seed))
    return weight, lambda x: x @ weight.T


def second_derivative(weight, logits):
    """Of KL[p(x) ‖ p(x + r)] at r = 0, for a linear classifier: Wᵀ(diag p − p pᵀ)W."""
    p = torch.softmax(logits.double(), 0)
    return weight.double().T @ (torch.diag(p) - torch.outer(p, p)) @ weight.double()


def test_divergence_is_that_of_the_classes():
    p, q = torch.tensor([[0.2, 0.8], [0.5, 0.5]]), torch.tensor([[0.6, 0.4], [0.5, 0.5]])
    expected = torch.tensor([0.2 * torch.log(torch.tensor(0.2 / 0.6)) + 0.8 * torch.log(torch.tensor(2.0)), 0.0])
    torch.testing.assert_close(divergence(p.log() + 3, q.log()), expected)


def test_the_power_method_finds_the_direction_of_the_largest_change():
    weight, classify = linear()
    x, start = torch.randn(5, 6, generator=seeded(1)), torch.randn(5, 6, generator=seeded(2))
    found = adversarial_direction(classify, x, classify(x), start, 1e-2, 60)
    for direction, logits in zip(found.double(), classify(x), strict=True):
        top = torch.linalg.eigh(second_derivative(weight, logits)).eigenvectors[:, -1]
        assert abs(direction @ top) > 0.999 and direction.norm() == pytest.approx(1)


def test_one_iteration_multiplies_by_the_second_derivative_once():
    weight, classify = linear()
    x, start = torch.randn(5, 6, generator=seeded(1)), torch.randn(5, 6, generator=seeded(2))
    found = adversarial_direction(classify, x, classify(x), start, 1e-3, 1)
    for direction, logits, d in zip(found.double(), classify(x), start.double(), strict=True):
        expected = second_derivative(weight, logits) @ d
        torch.testing.assert_close(direction, expected / expected.norm(), rtol=0, atol=0.02)


@pytest.mark.parametrize("precision", ["highest", "high"])
def test_the_direction_is_found_in_float32_whatever_is_allowed(precision, monkeypatch):
    """A small step is lost in TF32's ten bits, in which convolutions on a GPU are computed by default."""
    _, exact = linear()
    x, start = torch.randn(5, 6, generator=seeded(1)), torch.randn(5, 6, generator=seeded(2))
    expected, allowed = adversarial_direction(exact, x, exact(x), start, 1e-2, 1), []

    def classify(x):
        allowed.append((torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32))
        return exact(x)

    monkeypatch.setattr("ssgan.machine.precision.products_are_rounded", lambda device: True)
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    try:
        set_matmul_precision(precision)
        found = adversarial_direction(classify, x, exact(x) + torch.randn(5, 4), start, 1e-2, 1)
        after = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    finally:
        set_matmul_precision(before[0])
    assert set(allowed) == {("highest", False)} and after == (precision, before[1])
    torch.testing.assert_close(found, expected, msg="the logits it was given, which were rounded, count")


@pytest.mark.parametrize(
    "tricks",
    [{}, {"minibatch_discrimination": MinibatchDiscrimination(kernels=3, dim=2)}],
    ids=["alone", "with minibatch features"],
)
@pytest.mark.parametrize("architecture", ["mlp", "conv"])
def test_value_and_gradient(architecture, tricks):
    trick = VirtualAdversarial(epsilon=3.0, weight=0.5, xi=1.0, iterations=2)
    step = Step(architecture, virtual_adversarial=trick, **tricks)
    term = step.d_terms()["virtual_adversarial"]
    x, layers, (start,) = step.batch.unlabelled, step.layers(1), step.d_noise.draws["virtual_adversarial"]
    logits = step.discriminator(x, layers).logits.detach()
    log_p = torch.log_softmax(logits.double(), 1)

    def slow_divergence(r):
        q = torch.log_softmax(step.discriminator(x + r, layers).logits.double(), 1)
        return (log_p.exp() * (log_p - q)).sum(1)

    def slow_unit(r):
        """An image without influence on the logits, as behind dead units, is left where it is."""
        return torch.stack([row / row.norm() if row.any() else row for row in r])

    r = start
    for _ in range(2):
        r = slow_unit(r).requires_grad_()
        (r,) = torch.autograd.grad(slow_divergence(r).sum(), r)
    r = 3.0 * slow_unit(r)
    expected = 0.5 * slow_divergence(r).mean()
    assert start.shape == (N, *SHAPE) and term > 0
    torch.testing.assert_close(term.double(), expected, rtol=1e-3, atol=1e-6)
    assert_same_gradients(term, expected, step.discriminator)


def test_the_direction_changes_predictions_more_than_a_random_one_of_the_same_length():
    step = Step(virtual_adversarial=VirtualAdversarial(epsilon=0.5, iterations=5))
    x, layers, (start,) = step.batch.unlabelled, step.layers(1), step.d_noise.draws["virtual_adversarial"]
    logits = step.discriminator(x, layers).logits
    random = divergence(logits, step.discriminator(x + 0.5 * unit(start), layers).logits).mean()
    assert step.d_terms()["virtual_adversarial"] > 2 * random


def test_predictions_that_do_not_change_cost_nothing_and_give_no_nan():
    step = Step(virtual_adversarial=VirtualAdversarial())
    with torch.no_grad():
        step.discriminator.classifier.gain.zero_()
    term = step.d_terms()["virtual_adversarial"]
    term.backward()
    assert term == 0 and all(p.grad.isfinite().all() for p in step.discriminator.parameters() if p.grad is not None)


def test_under_autocast_the_direction_is_that_of_float32():
    step = Step("conv", virtual_adversarial=VirtualAdversarial())
    x, layers, (start,) = step.batch.unlabelled, step.layers(1), step.d_noise.draws["virtual_adversarial"]

    def direction():
        logits = step.discriminator(x, layers).logits
        return adversarial_direction(lambda x: step.discriminator(x, layers).logits, x, logits, start, 1e-2, 1)

    expected = direction()
    with torch.autocast("cpu", torch.bfloat16):
        found = direction()
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)
