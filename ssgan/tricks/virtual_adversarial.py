"""Virtual adversarial training of D (Miyato et al. 2018, arXiv:1704.03976, section 3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ssgan.checks import non_negative, positive
from ssgan.tricks.base import Trick

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ssgan.networks.discriminator import Discriminator
    from ssgan.networks.generator import Generator
    from ssgan.steps import DiscriminatorStep


def divergence(p_logits: Tensor, q_logits: Tensor) -> Tensor:
    """``KL[p ‖ q]`` of K classes for each example, ``[n, K], [n, K] → [n]``, float32."""
    from torch import log_softmax

    log_p, log_q = log_softmax(p_logits.float(), 1), log_softmax(q_logits.float(), 1)
    return (log_p.exp() * (log_p - log_q)).sum(1)


def adversarial_direction(
    classify: Callable[[Tensor], Tensor], images: Tensor, logits: Tensor, start: Tensor, xi: float, iterations: int
) -> Tensor:
    """Unit direction in which the predictions change most, by the power method (equations 11 to 13).

    Args:
        classify: images → logits ``[n, K]``.
        images: ``[n, …]``.
        logits: ``classify(images)``; where they may be rounded they are computed again in float32.
        start: random directions, shaped like ``images``.
        xi: length of the step over which the second derivative is a difference.
        iterations: of the power method.

    Returns:
        Directions shaped like ``images``, a constant to autograd.
    """
    import torch

    from ssgan.machine.precision import exact_products, products_are_rounded
    from ssgan.tricks.directions import unit

    def change(r: Tensor) -> Tensor:
        return divergence(logits, classify(images + r)).sum()

    direction, device = unit(start), images.device
    rounded = torch.is_autocast_enabled(device.type) or products_are_rounded(device)
    # The directions are a constant; torch.func.grad differentiates all the same. Half precision loses the small step,
    # and so does TF32, in which cuDNN's convolutions compute by default.
    with torch.no_grad(), torch.autocast(device.type, enabled=False), exact_products():
        if rounded:
            logits = classify(images)
        for _ in range(iterations):
            direction = unit(torch.func.grad(change)(xi * direction))
    return direction


@dataclass
class VirtualAdversarial(Trick):
    """D pays for predictions on unlabelled images that change under a small, worst perturbation.

    ``weight · mean KL[p(y | x) ‖ p(y | x + r)]`` over the K classes, ``r`` the perturbation of length ``epsilon`` that
    changes them most; ``p(y | x)`` is a constant. Both passes see the noise that D's layers had on x, so that r alone
    makes the difference. ``epsilon`` is in the scale of the networks' images and depends on the data; ``xi`` is larger
    than the authors' 1e-6, at which float32 cancels. r is found in float32, whatever the precision of the training.
    """

    epsilon: float = 1.0
    weight: float = 1.0
    xi: float = 0.1
    iterations: int = 1

    def __post_init__(self) -> None:
        positive("trick.virtual_adversarial.epsilon", self.epsilon)
        non_negative("trick.virtual_adversarial.weight", self.weight)
        positive("trick.virtual_adversarial.xi", self.xi)
        positive("trick.virtual_adversarial.iterations", self.iterations)

    def discriminator_draws(
        self, generator: Generator, discriminator: Discriminator, shape: Sequence[int], rng: torch.Generator
    ) -> tuple[Tensor, ...]:
        """Draw the directions at which the power method starts."""
        import torch

        return (torch.randn(*shape, device=rng.device, generator=rng),)

    def discriminator_penalty(self, step: DiscriminatorStep) -> Tensor:
        """Fill the term of D."""
        images, layers = step.batch.unlabelled, step.layers_on("unlabelled")

        def classify(x: Tensor) -> Tensor:
            return step.discriminator(x, layers).logits

        logits = step.unlabelled.logits.detach()
        r = self.epsilon * adversarial_direction(classify, images, logits, step.draws[0], self.xi, self.iterations)
        return self.weight * divergence(logits, classify(images + r)).mean()
