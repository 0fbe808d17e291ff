"""A variational bound on the entropy of G's images (Dai et al. 2017, arXiv:1705.09783)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ssgan.checks import non_negative
from ssgan.tricks.base import Trick

if TYPE_CHECKING:
    from torch import Tensor

    from ssgan.networks.architecture import Architecture
    from ssgan.networks.encoder import Encoder
    from ssgan.steps import GeneratorStep


def reconstruction_loss(mean: Tensor, log_std: Tensor, z: Tensor) -> Tensor:
    """``E −log q(z | G(z))`` less the constant ``½·log 2π`` a dimension, for a normal q.

    Args:
        mean: of q for each image, ``[n, z_dim]``.
        log_std: logarithm of its standard deviations, ``[n, z_dim]``.
        z: that the images were generated from, ``[n, z_dim]``.

    Returns:
        A float32 scalar, ``mean_i Σ_d (log σ_id + ½·((z_id − μ_id) / σ_id)²)``.
    """
    # torch.nn.functional.gaussian_nll_loss looks at the values of its variance, for which the host waits.
    log_std = log_std.float()
    deviation = (z.float() - mean.float()) * (-log_std).exp()
    return (log_std + 0.5 * deviation.square()).sum(1).mean()


@dataclass
class VariationalEntropy(Trick):
    """An encoder learns with G to tell z from the image, and G pays for what cannot be told: its images stay varied.

    What they keep of z bounds their entropy from below (the paper's ``−H(G(z)) ≤ E −log q(z | G(z))``). Bad GAN adds
    0.01 times the bound to feature matching on CIFAR-10.
    """

    weight: float = 0.01

    def __post_init__(self) -> None:
        non_negative("trick.variational_entropy.weight", self.weight)

    def generator_companion(self, architecture: Architecture, image_shape: tuple[int, int, int]) -> Encoder:
        """Build the encoder, G's mirror image."""
        return architecture.build_encoder(image_shape)

    def generator_penalty(self, step: GeneratorStep) -> Tensor:
        """Fill the term added to G's objective."""
        mean, log_std = step.companion(step.fake_images)
        return self.weight * reconstruction_loss(mean, log_std, step.noise.z)
