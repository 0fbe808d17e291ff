"""Weight-normalised layers (Salimans & Kingma 2016, arXiv:1602.07868): ``w = g · v / ‖v‖`` for each output unit.

They scale the layer's *output* by ``g / ‖v‖`` instead of its weight, which is the same function and gradient at the
cost of the activations rather than of the weight matrix. That, the frozen gain and the start values taken from data
are what ``torch.nn.utils.parametrizations.weight_norm`` does not offer.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

#: Added to ``‖v‖²``, as in the authors' code.
EPS = 1e-6


class _WeightNorm:
    """What the weight-normalised layers share; mixed into a layer of torch.nn that has ``weight`` and no bias.

    ``gain`` is a parameter if it is trained and a buffer if it is frozen. ``bias`` is always trained. ``init_std`` is
    the standard deviation to which :func:`ssgan.layers.initialise_from_data` scales the pre-activations; None leaves
    ``g = 1`` and ``b = 0``. ``weight_scale``, if it is set, is a module that computes another factor than ``1 / ‖v‖``.
    """

    output_dim = 0  # of the weight; a transposed convolution has its outputs in dimension 1

    def _add_weight_norm(self: Any, units: int, trainable_gain: bool, init_std: float | None) -> None:
        gain = torch.ones(units)
        if trainable_gain:
            self.gain = nn.Parameter(gain)
        else:
            self.register_buffer("gain", gain)
        self.bias = nn.Parameter(torch.zeros(units))
        self.init_std = init_std
        self.weight_scale: nn.Module | None = None

    def _normalise(self: Any, product: Tensor) -> Tensor:
        """``product · g / ‖v‖ + b``, per output channel."""
        scale = self.gain * (self._inverse_norm() if self.weight_scale is None else self.weight_scale(self.weight))
        shape = (-1,) + (1,) * (product.ndim - 2)
        return torch.addcmul(self.bias.to(product.dtype).view(shape), product, scale.to(product.dtype).view(shape))

    def _inverse_norm(self: Any) -> Tensor:
        """``1 / ‖v‖`` of each unit."""
        dims = [d for d in range(self.weight.ndim) if d != self.output_dim]
        # v·v and not v.square(), whose gradient computes another power of the whole weight.
        return torch.rsqrt((self.weight * self.weight).sum(dims) + EPS)

    @torch.no_grad()
    def initialise_from_output(self: Any, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        """Set gain and bias so that this output is centred and has standard deviation ``init_std``; return it so."""
        if self.init_std is None:
            return output
        dims = [d for d in range(output.ndim) if d != 1]
        mean, std = output.mean(dims), output.std(dims, correction=0)
        scale = self.init_std / std.clamp_min(1e-6)  # a unit that never varies keeps a finite gain
        self.gain.mul_(scale)
        self.bias.sub_(mean).mul_(scale)
        shape = (-1,) + (1,) * (output.ndim - 2)
        return (output - mean.view(shape)) * scale.view(shape)


class WeightNormLinear(_WeightNorm, nn.Linear):
    """Dense layer with weight normalisation: ``[n, in] → [n, out]``."""

    def __init__(
        self, in_features: int, out_features: int, trainable_gain: bool = False, init_std: float | None = 1.0
    ) -> None:
        nn.Linear.__init__(self, in_features, out_features, bias=False)
        self._add_weight_norm(out_features, trainable_gain, init_std)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer."""
        return self._normalise(nn.functional.linear(x, self.weight))


class WeightNormConv2d(_WeightNorm, nn.Conv2d):  # type: ignore[misc]
    """Convolution with weight normalisation: ``[n, in, h, w] → [n, out, h', w']``."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, padding: int = 0
    ) -> None:
        nn.Conv2d.__init__(self, in_channels, out_channels, kernel_size, stride, padding, bias=False)
        self._add_weight_norm(out_channels, trainable_gain=False, init_std=1.0)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer."""
        return self._normalise(self._conv_forward(x, self.weight, None))


class WeightNormConvTranspose2d(_WeightNorm, nn.ConvTranspose2d):  # type: ignore[misc]
    """Transposed convolution with weight normalisation and trained gain: ``[n, in, h, w] → [n, out, h', w']``."""

    output_dim = 1

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int,
        padding: int,
        output_padding: tuple[int, int],
        init_std: float | None = 1.0,
    ) -> None:
        nn.ConvTranspose2d.__init__(
            self, in_channels, out_channels, kernel_size, stride, padding, output_padding, bias=False
        )
        self._add_weight_norm(out_channels, trainable_gain=True, init_std=init_std)

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """Apply the layer."""
        product = nn.functional.conv_transpose2d(
            x,
            self.weight,
            None,
            self.stride,
            self.padding,  # type: ignore[arg-type]
            self.output_padding,
        )
        return self._normalise(product)
