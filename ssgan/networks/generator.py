"""The generator: what its architectures share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ssgan.networks.weights import SMALL_NORMAL, WeightInit, initialise_weights

#: Makes the normalisation of a hidden layer with that many channels.
NormFactory = Callable[[int], nn.Module]


class Generator(nn.Module):
    """Maps z ~ U[0, 1)^z_dim to images.

    Args:
        z_dim: dimensions of z.
        hidden: hidden layers, each ending in a normalisation and an activation. A normalisation may ask for
            ``reference_size`` reference examples before each batch; their z is drawn at the start and saved.
        output: the last layer, to ``[n, channels, height, width]`` in the range of the scaled images.
        weight_init: start values of the weights.
    """

    reference: Tensor

    def __init__(
        self,
        z_dim: int,
        hidden: Sequence[nn.Module],
        output: nn.Module,
        weight_init: WeightInit = SMALL_NORMAL,
    ) -> None:
        super().__init__()
        self.weight_init = weight_init
        self.z_dim = z_dim
        self.hidden = nn.ModuleList(hidden)
        self.output = output
        reference_size = max((getattr(module, "reference_size", 0) for module in self.hidden.modules()), default=0)
        self.register_buffer("reference", torch.zeros(reference_size, z_dim))

    def draw_z(self, n: int, generator: torch.Generator) -> Tensor:
        """n draws of z, on the generator's device."""
        return torch.rand(n, self.z_dim, device=generator.device, generator=generator)

    def set_reference(self, generator: torch.Generator) -> None:
        """Draw the reference batch."""
        self.reference.copy_(self.draw_z(len(self.reference), generator))

    def draw_parameters(self, generator: torch.Generator) -> None:
        """Draw the start values of the weights."""
        initialise_weights(self, self.weight_init, generator)

    def forward(self, z: Tensor) -> Tensor:
        """Generate ``[n, channels, height, width]`` from ``[n, z_dim]``."""
        h = torch.cat([self.reference, z]) if len(self.reference) else z
        for layer in self.hidden:
            h = layer(h)
        return self.output(h[len(self.reference) :])
