"""Weight-normalised layers (Salimans & Kingma 2016, arXiv:1602.07868): ``w = g · v / ‖v‖`` for each output unit.

The frozen gain, the start values taken from data and the sharing of a constant weight between passes are what
``torch.nn.utils.parametrizations.weight_norm`` does not offer.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn

#: Added to ``‖v‖²``, as in the authors' code.
EPS = 1e-6
_ROOT_EPS = torch.tensor(EPS**0.5)

_CONSTANT: ContextVar[dict[Tensor, Tensor] | None] = ContextVar("constant", default=None)


@contextmanager
def constant_weights() -> Iterator[None]:
    """Let a weight that needs no gradient be normalised at the first pass only; its values may not change meanwhile."""
    token = _CONSTANT.set({})
    try:
        yield
    finally:
        _CONSTANT.reset(token)


def length(v: Tensor) -> Tensor:
    """``√(‖v‖² + ε)`` of each unit's weights: ``[units, …]`` → ``[units, 1, …]``."""
    # vector_norm reads v once; the sum of its squares would write them first.
    norm = torch.linalg.vector_norm(v, dim=list(range(1, v.ndim)), keepdim=True)
    if torch.compiler.is_exporting():  # ONNX has no hypot
        return torch.sqrt(norm * norm + EPS)
    return torch.hypot(norm, _ROOT_EPS)


def normalise(v: Tensor, gain: Tensor) -> tuple[Tensor, Tensor]:
    """``g · v / √(‖v‖² + ε)`` for ``v`` ``[units, …]`` and ``gain`` ``[units]``, and the root, ``[units, 1, …]``."""
    root = length(v)
    return v * (gain.view(root.shape) / root), root


class NormalisedWeight(torch.autograd.Function):
    """:func:`normalise` with PyTorch's fused gradient, which passes over the weight twice rather than six times."""

    @staticmethod
    def forward(v: Tensor, gain: Tensor) -> tuple[Tensor, Tensor]:
        """The normalised weight, and the root for the gradient."""
        return normalise(v, gain)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: tuple[Tensor, Tensor]) -> None:
        """Keep what the gradient needs."""
        ctx.save_for_backward(*inputs, output[1])
        ctx.mark_non_differentiable(output[1])
        ctx.set_materialize_grads(False)  # the root's gradient, of no use, would be filled with zeros

    @staticmethod
    def backward(ctx: Any, grad: Tensor | None, _: None) -> tuple[Tensor | None, Tensor | None]:
        """The gradients with respect to ``v`` and the gain."""
        if grad is None:  # nothing depends on the weight
            return None, None
        v, gain, root = ctx.saved_tensors
        gain = gain.view(root.shape)
        if torch.is_grad_enabled() or grad.device.type not in ("cpu", "cuda"):
            root = length(v)  # this gradient may be differentiated again, and the root kept is a constant
            grad_gain = (grad * v).sum(list(range(1, v.ndim)), keepdim=True) / root
            return (grad - v * (grad_gain / root)) * (gain / root), grad_gain.flatten()
        grad_v, grad_gain = torch.ops.aten._weight_norm_interface_backward(grad.contiguous(), v, gain, root, 0)
        return grad_v, grad_gain.flatten()

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, int | None], v: Tensor, gain: Tensor) -> tuple[Any, Any]:
        """The members' units are so many units of one weight."""
        v, gain = (
            x.expand(info.batch_size, *x.shape) if dim is None else x.movedim(dim, 0)
            for x, dim in zip((v, gain), in_dims, strict=True)
        )
        outputs = NormalisedWeight.apply(v.flatten(0, 1), gain.flatten())
        return tuple(output.unflatten(0, gain.shape) for output in outputs), (0, 0)


# PyTorch binds its arguments by the signature, which inspect works out anew at every call unless it is there.
NormalisedWeight.forward.__signature__ = inspect.signature(NormalisedWeight.forward)  # type: ignore[attr-defined]


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

    def _normalised(self: Any) -> Tensor:
        """``g · v / ‖v‖``, or with ``weight_scale`` in the place of ``1 / ‖v‖``, of the weight's shape."""
        given = self.weight  # an ensemble's members lend one layer their weights in turn
        constant = None if given.requires_grad else _CONSTANT.get()
        if constant is not None and given in constant:
            return constant[given]
        v = (given.movedim(self.output_dim, 0) if self.output_dim else given).contiguous()
        if self.weight_scale is not None:
            units_first = v * (self.gain * self.weight_scale(v)).view(-1, *[1] * (v.ndim - 1))
        elif torch.is_grad_enabled() and v.requires_grad:
            units_first = NormalisedWeight.apply(v, self.gain)[0]
        else:
            units_first = normalise(v, self.gain)[0]
        weight = units_first.movedim(0, self.output_dim) if self.output_dim else units_first
        if constant is not None:
            constant[given] = weight
        return weight

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
        return nn.functional.linear(x, self._normalised(), self.bias)


class WeightNormConv2d(_WeightNorm, nn.Conv2d):  # type: ignore[misc]
    """Convolution with weight normalisation: ``[n, in, h, w] → [n, out, h', w']``."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, padding: int = 0
    ) -> None:
        nn.Conv2d.__init__(self, in_channels, out_channels, kernel_size, stride, padding, bias=False)
        self._add_weight_norm(out_channels, trainable_gain=False, init_std=1.0)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer."""
        return self._conv_forward(x, self._normalised(), self.bias)


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
        return nn.functional.conv_transpose2d(
            x,
            self._normalised(),
            self.bias,
            self.stride,
            self.padding,  # type: ignore[arg-type]
            self.output_padding,
        )
