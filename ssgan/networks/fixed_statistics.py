"""A generator whose images do not depend on the others of their batch."""

from __future__ import annotations

import copy
from functools import partial

import torch
from torch import Tensor, nn

from ssgan.layers import BatchNorm
from ssgan.networks.generator import Generator

#: Draws of z whose statistics are kept.
REFERENCE_SIZE = 500


class FixedNorm(nn.Module):
    """A :class:`~ssgan.layers.BatchNorm` that keeps the mean and variance of one batch.

    Args:
        layer: the layer, with its shift.
        x: the batch at its input, ``[n, c]`` or ``[n, c, h, w]``.
    """

    mean: Tensor
    var: Tensor

    def __init__(self, layer: BatchNorm, x: Tensor) -> None:
        super().__init__()
        self.bias = layer.bias
        self.eps = layer.eps
        var, mean = torch.var_mean(x, [dim for dim in range(x.ndim) if dim != 1], correction=0)
        # Not among the saved values: the generator's state_dict stays that of the training.
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("var", var, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise each channel and add the shift."""
        return nn.functional.batch_norm(x, self.mean, self.var, bias=self.bias, eps=self.eps)


@torch.inference_mode(False)  # what is made here may be used outside of it
@torch.no_grad()
def with_fixed_statistics(generator: Generator) -> Generator:
    """A copy that maps each z to its image whatever else is in the batch, one z alone included.

    Batch normalisation by the batch at hand, as in training, would give a batch of one z, or of the steps between two,
    statistics that the network has never seen. Here the statistics are those of one batch of
    ``REFERENCE_SIZE`` draws. Virtual batch normalisation has its reference already.
    """
    generator = copy.deepcopy(generator).eval()
    layers = {name: layer for name, layer in generator.named_modules() if isinstance(layer, BatchNorm)}
    if not layers:
        return generator
    inputs: dict[str, Tensor] = {}

    def keep(name: str, module: nn.Module, args: tuple[Tensor, ...]) -> None:
        inputs[name] = args[0]

    hooks = [layer.register_forward_pre_hook(partial(keep, name)) for name, layer in layers.items()]
    z = generator.draw_z(REFERENCE_SIZE, torch.Generator().manual_seed(0))  # on the CPU: the same on every device
    generator(z.to(generator.reference.device))
    for hook in hooks:
        hook.remove()
    for name, layer in layers.items():
        generator.set_submodule(name, FixedNorm(layer, inputs[name]))
    return generator
