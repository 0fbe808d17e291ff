"""The layer of minibatch discrimination (Salimans et al. 2016, section 3.2)."""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor, nn

from ssgan.layers.global_batch import own_part, whole_batch

#: Of a GPU's memory, for the differences of all pairs in one dimension.
GPU_BYTES = 2**28


class ClosenessSum(torch.autograd.Function):
    """``Σ_j exp(−Σ_c |r_ibc − r_jbc|)`` within each part, j = i included: ``[parts, n, B, C]`` → ``[parts, n, B]``.

    What autograd makes of the formula is memory-bound: it keeps an ``n × n`` sign for each dimension. Here the signs
    are computed again in one buffer, and the gradient uses that closeness is symmetric: with
    ``w_ij = (g_i + g_j)·exp(−‖r_i − r_j‖₁)``, ``∂/∂r_i = −Σ_j w_ij·sign(r_i − r_j)``. Two to four times as fast
    on a CPU (``python -m benchmarks.minibatch``). There is no second derivative.
    """

    @staticmethod
    def forward(rows: Tensor) -> tuple[Tensor, Tensor]:
        """The sums, and each pair's closeness for :meth:`backward`."""
        parts, n, kernels, _ = rows.shape
        dims = rows.movedim(-1, 0).contiguous()
        closeness = rows.new_empty(parts, n, n, kernels)
        at_once = _parts_at_once(rows)
        difference = rows.new_empty(at_once, n, n, kernels)
        for own_dims, total in zip(dims.split(at_once, 1), closeness.split(at_once), strict=True):
            for c, dim in enumerate(own_dims):
                out = difference[: len(total)] if c else total
                torch.sub(dim.unsqueeze(2), dim.unsqueeze(1), out=out).abs_()
                if c:
                    total.add_(out)
        closeness.neg_().exp_()
        return closeness.sum(2), closeness

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: tuple[Tensor, Tensor]) -> None:
        """Keep what the gradient needs."""
        (rows,), (_, closeness) = inputs, output
        ctx.mark_non_differentiable(closeness)
        ctx.save_for_backward(rows, closeness)

    @staticmethod
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> Tensor:
        """The gradient with respect to the rows."""
        return ClosenessGradient.apply(grad, *ctx.saved_tensors)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int], rows: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[int, int]]:
        """An ensemble's members are so many more parts."""
        sums, closeness = ClosenessSum.apply(_as_parts(info, rows, in_dims[0]))
        members = (info.batch_size, -1)
        return (sums.unflatten(0, members), closeness.unflatten(0, members)), (0, 0)


class ClosenessGradient(torch.autograd.Function):
    """The gradient of :class:`ClosenessSum`; a function of its own, so that it too can be vmapped."""

    @staticmethod
    def forward(grad: Tensor, rows: Tensor, closeness: Tensor) -> Tensor:
        """The gradient, of the shape of ``rows``."""
        _, n, kernels = grad.shape
        dims = rows.movedim(-1, 0).contiguous()
        result = torch.empty_like(rows, memory_format=torch.contiguous_format)
        at_once = _parts_at_once(rows)
        weights, signs = closeness.new_empty(2, at_once, n, n, kernels)
        of_parts = (x.split(at_once, dim) for x, dim in ((grad, 0), (closeness, 0), (dims, 1), (result, 0)))
        for own_grad, own_closeness, own_dims, own_result in zip(*of_parts, strict=True):
            weight, sign = weights[: len(own_grad)], signs[: len(own_grad)]
            torch.add(own_grad.unsqueeze(2), own_grad.unsqueeze(1), out=weight).mul_(own_closeness)
            for c, dim in enumerate(own_dims):
                # Rows j, columns i: sign(r_j − r_i) is minus the sign that is needed.
                torch.sub(dim.unsqueeze(2), dim.unsqueeze(1), out=sign).sign_().mul_(weight)
                torch.sum(sign, 1, out=own_result[..., c])
        return result

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
        """There is no second derivative to keep anything for."""

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        """Refuse the second derivative."""
        raise RuntimeError("minibatch discrimination has no second derivative")

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[int | None, ...], grad: Tensor, rows: Tensor, closeness: Tensor
    ) -> tuple[Tensor, int]:
        """An ensemble's members are so many more parts."""
        parts = (_as_parts(info, x, dim) for x, dim in zip((grad, rows, closeness), in_dims, strict=True))
        return ClosenessGradient.apply(*parts).unflatten(0, (info.batch_size, -1)), 0


def _parts_at_once(rows: Tensor) -> int:
    """How many parts are computed together: on a CPU one, for its cache; on a GPU as many as memory allows."""
    if rows.device.type == "cpu":
        return 1
    parts, n, kernels, _ = rows.shape
    return min(parts, max(GPU_BYTES // (n * n * kernels * rows.element_size()), 1))


def _as_parts(info: Any, x: Tensor, dim: int | None) -> Tensor:
    """A vmapped ``[parts, …]`` with the members' parts end to end."""
    return (x.expand(info.batch_size, *x.shape) if dim is None else x.movedim(dim, 0)).flatten(0, 1)


def closeness_sum(rows: Tensor) -> Tensor:
    """:class:`ClosenessSum` of ``[parts, n, B, C]``."""
    return ClosenessSum.apply(rows)[0]


class MinibatchFeatures(nn.Module):
    """Closeness of each example to the others of its minibatch, ``o(x_i)_b = Σ_j exp(−‖M_{i,b} − M_{j,b}‖₁)``.

    ``M_i = f(x_i)·T``. As in the authors' code T is normalised along its input and has a learned log scale, a learned
    bias is added to each kernel's sum, and the term j = i, a constant 1, is left out unless ``include_self``.

    A batch of samples that are all alike has *large* sums.

    At inference an example must not depend on who else is in its batch: it is then compared with ``reference_size``
    fixed real images, as many as there were other examples in a batch of training, and with nothing else.
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

    def draw_parameters(self, generator: torch.Generator) -> None:
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
            rows = self._rows(features.float())
            if reference is None:
                sums = own_part(closeness_sum(whole_batch(rows, 1)), 1)
                return sums + (float(self.include_self) - 1.0) + self.bias
            closeness = torch.exp(-_distances(rows, self._rows(reference.float()).unsqueeze(0)))
            return closeness.sum(2) + float(self.include_self) + self.bias

    def _rows(self, features: Tensor) -> Tensor:
        """``M_i`` as ``[…, kernels, dim]``."""
        scale = self.log_scale.exp() * torch.rsqrt(self.weight.square().sum(0) + 1e-12)
        return torch.einsum("...a,abc->...bc", features, self.weight * scale)

    @torch.no_grad()
    def initialise_from_output(self, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        """Scale T so that half the mean distance to the nearest other is 1, and centre the sums by the bias."""
        rows = self._rows(inputs[0].float())
        distances = _distances(rows, rows)
        n = distances.shape[2]
        if n < 2:
            return output
        apart_from_itself = torch.full((n,), torch.inf, device=distances.device).diag()
        apart = distances + apart_from_itself.unsqueeze(-1)
        nearest = 0.5 * apart.amin(2).mean((0, 1)).clamp_min(1e-6)
        self.log_scale.sub_(nearest.log().unsqueeze(1))
        sums = torch.exp(-distances / nearest).sum(2) + (float(self.include_self) - 1.0)
        self.bias.copy_(-sums.mean((0, 1)))
        return sums + self.bias


def _distances(rows: Tensor, others: Tensor) -> Tensor:
    """``‖M_{i,b} − M_{j,b}‖₁`` as ``[parts, n, m, kernels]``."""
    # Summing the few dimensions one by one, kernels innermost, is twice as fast as torch.cdist with p=1.
    pairs = zip(rows.unbind(-1), others.unbind(-1), strict=True)
    return functools.reduce(torch.add, [(a.unsqueeze(2) - b.unsqueeze(1)).abs() for a, b in pairs])
