"""The layer of minibatch discrimination (Salimans et al. 2016, section 3.2)."""

from __future__ import annotations

import functools

import torch
from torch import Tensor, nn


class MinibatchFeatures(nn.Module):
    """Closeness of each example to the others of its minibatch, ``o(x_i)_b = Σ_j exp(−‖M_{i,b} − M_{j,b}‖₁)``.

    ``M_i = f(x_i)·T``. As in the authors' code T is normalised along its input and has a learned log scale, a learned
    bias is added to each kernel's sum, and the term j = i, a constant 1, is left out unless ``include_self``.

    A batch of samples that are all alike has *large* sums.

    At inference an example must not depend on who else is in its batch: it is then compared with ``reference_size``
    fixed real images, as many as it had companions in training, and with nothing else.
    """

    def __init__(
        self, in_features: int, kernels: int, dim: int, reference_size: int, include_self: bool = False
    ) -> None:
        super().__init__()
        self.out_features = kernels
        self.reference_size = reference_size
        self.include_self = include_self
        self.weight = nn.Parameter(torch.empty(in_features, kernels, dim))
        self.log_scale = nn.Parameter(torch.zeros(kernels, dim))
        self.bias = nn.Parameter(torch.full((kernels,), -1.0))

    def reset_parameters(self, generator: torch.Generator) -> None:
        """T ~ N(0, 0.05²), log scale 0, bias −1."""
        nn.init.normal_(self.weight, 0.0, 0.05, generator=generator)
        nn.init.zeros_(self.log_scale)
        nn.init.constant_(self.bias, -1.0)

    def forward(self, features: Tensor, reference: Tensor | None = None) -> Tensor:
        """Compute the features, in float32.

        Args:
            features: ``[parts, n, in_features]``, each part a minibatch of its own.
            reference: ``[reference_size, in_features]`` for inference; None in training.

        Returns:
            ``[parts, n, kernels]``.
        """
        with torch.autocast(features.device.type, enabled=False):
            distances = self._distances(features.float(), None if reference is None else reference.float())
            return self._sum(distances, with_self=reference is None) + self.bias

    def _distances(self, features: Tensor, reference: Tensor | None) -> Tensor:
        """``‖M_{i,b} − M_{j,b}‖₁`` as ``[parts, n, m, kernels]``."""
        scale = self.log_scale.exp() * torch.rsqrt(self.weight.square().sum(0) + 1e-12)
        weight = self.weight * scale
        rows = torch.einsum("pna,abc->pnbc", features, weight)
        others = rows if reference is None else torch.einsum("ma,abc->mbc", reference, weight).unsqueeze(0)
        # Summing the few dimensions one by one, kernels innermost, is twice as fast as torch.cdist with p=1.
        pairs = zip(rows.unbind(-1), others.unbind(-1), strict=True)
        distances = [(a.unsqueeze(2) - b.unsqueeze(1)).abs() for a, b in pairs]
        return functools.reduce(torch.add, distances)

    def _sum(self, distances: Tensor, with_self: bool) -> Tensor:
        """Sum of the kernels over j as ``[parts, n, kernels]``; ``with_self`` if the distances have a row's own."""
        return torch.exp(-distances).sum(2) + (float(self.include_self) - float(with_self))

    @torch.no_grad()
    def initialise_from_output(self, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        """Scale T so that half the mean distance to the nearest other is 1, and centre the sums by the bias."""
        distances = self._distances(inputs[0].float(), None)
        n = distances.shape[2]
        if n < 2:
            return output
        apart_from_itself = torch.full((n,), torch.inf, device=distances.device).diag()
        apart = distances + apart_from_itself.unsqueeze(-1)
        nearest = 0.5 * apart.amin(2).mean((0, 1)).clamp_min(1e-6)
        self.log_scale.sub_(nearest.log().unsqueeze(1))
        sums = self._sum(distances / nearest, with_self=True)
        self.bias.copy_(-sums.mean((0, 1)))
        return sums + self.bias
