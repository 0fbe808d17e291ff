"""Normalisation of the generator's hidden layers: shift, no scale.

Both layers state in ``reference_size`` how many reference examples must come first in their batch.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssgan.layers.global_batch import spans_processes, whole_batch


class BatchNorm(nn.Module):
    """Batch normalisation by the statistics of the batch at hand, at training and at sampling alike.

    ``[n, c]`` or ``[n, c, h, w]``. ``eps`` as in the authors' code. A batch of one dense example gives the shift.
    """

    reference_size = 0

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise each channel over the batch and add the shift."""
        if spans_processes():
            return self._forward_over_processes(x)
        # torch.batch_norm is nn.functional.batch_norm less its refusal of a batch of one. The scale of 1 is there for
        # CUDA's kernels, which give no gradient of the shift without a scale. In the shift's precision, for the members
        # of an ensemble are normalised under vmap, which takes no x of a lower one.
        scale, cudnn = torch.ones_like(self.bias), torch.backends.cudnn.enabled
        y = torch.batch_norm(x.to(scale.dtype), scale, self.bias, None, None, True, 0.0, self.eps, cudnn)
        return y.to(x.dtype)

    def _forward_over_processes(self, x: Tensor) -> Tensor:
        """The same by the statistics of all processes' batches (torch.nn.SyncBatchNorm needs a GPU and a scale)."""
        values, dims = x.float(), (0, *range(2, x.ndim))
        own_mean = values.mean(dims, keepdim=True)
        own_variance = (values - own_mean).square().mean(dims, keepdim=True)
        # All processes' means and variances by one message; their batches are equally large.
        means, variances = whole_batch(torch.stack([own_mean, own_variance], 1)).unbind(1)
        mean = means.mean(0, keepdim=True)
        variance = variances.mean(0, keepdim=True) + (means - mean).square().mean(0, keepdim=True)
        bias = self.bias.view(mean.shape)
        return ((values - mean) * torch.rsqrt(variance + self.eps) + bias).to(x.dtype)

    def extra_repr(self) -> str:
        """Describe the layer."""
        return f"{len(self.bias)}, eps={self.eps}"


class VirtualBatchNorm(nn.Module):
    """Virtual batch normalisation (Salimans et al. 2016, section 3.5).

    The first ``reference_size`` rows of the batch are the reference examples: they are normalised by their own batch's
    statistics. Every other example is normalised by the mean and mean square of the reference batch, with weight
    n/(n+1), and of itself, with weight 1/(n+1). Its output does not depend on the other examples.
    """

    def __init__(self, channels: int, reference_size: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))
        self.reference_size = reference_size
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``[reference_size + n, c]`` or ``[reference_size + n, c, h, w]``."""
        n = self.reference_size
        space = list(range(2, x.ndim))
        values = x.float()
        mean, var = _moments(values, space)
        reference_mean = mean[:n].mean(0, keepdim=True)
        reference_var = (var[:n] + (mean[:n] - reference_mean).square()).mean(0, keepdim=True)
        # Mixing mean and mean square is mixing the two distributions; written with deviations from the mixed mean it
        # does not cancel when the mean is large beside the deviation.
        mixed_mean = (n * reference_mean + mean[n:]) / (n + 1)
        mixed_var = (
            n * (reference_var + (reference_mean - mixed_mean).square()) + var[n:] + (mean[n:] - mixed_mean).square()
        ) / (n + 1)
        bias = self.bias.view(-1, *[1] * len(space))
        reference = (values[:n] - reference_mean) * torch.rsqrt(reference_var + self.eps)
        examples = (values[n:] - mixed_mean) * torch.rsqrt(mixed_var + self.eps)
        return (torch.cat([reference, examples]) + bias).to(x.dtype)

    def extra_repr(self) -> str:
        """Describe the layer."""
        return f"{len(self.bias)}, reference_size={self.reference_size}, eps={self.eps}"


def _moments(values: Tensor, space: list[int]) -> tuple[Tensor, Tensor]:
    """Mean and variance of each example and channel over the space (of a dense layer: the value, and 0)."""
    if not space:
        return values, torch.zeros_like(values)
    mean = values.mean(space, keepdim=True)
    return mean, (values - mean).square().mean(space, keepdim=True)
