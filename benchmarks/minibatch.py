"""The sums of minibatch discrimination, forward and backward, against the formula left to autograd.

python -m benchmarks.minibatch
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from ssgan.layers.minibatch_features import closeness_sum

REPEATS = 15


def by_autograd(rows: Tensor) -> Tensor:
    """The formula, dimension by dimension."""
    distances = sum((dim.unsqueeze(2) - dim.unsqueeze(1)).abs() for dim in rows.unbind(-1))
    return torch.exp(-distances).sum(2)


def by_cdist(rows: Tensor) -> Tensor:
    """The formula by torch.cdist."""
    kernels_first = rows.transpose(1, 2)
    return torch.exp(-torch.cdist(kernels_first, kernels_first, p=1)).sum(-1).transpose(1, 2)


def milliseconds(function: Callable[[Tensor], Tensor], rows: Tensor, weight: Tensor) -> float:
    """Of one forward and backward pass."""
    begin = time.perf_counter()
    torch.autograd.grad((function(rows) * weight).sum(), rows)
    return 1e3 * (time.perf_counter() - begin)


def main() -> None:
    """Print medians, the three ways taken in turn."""
    torch.set_num_threads(1)
    ways = {"closeness_sum": closeness_sum, "autograd": by_autograd, "cdist": by_cdist}
    print(f"torch {torch.__version__}, 1 thread, 3 minibatches of 100, 5 dimensions, median of {REPEATS}")
    for kernels in (20, 100):
        rows = torch.randn(3, 100, kernels, 5, requires_grad=True)
        weight = torch.randn(3, 100, kernels)
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(REPEATS):
            for name, function in ways.items():
                times[name].append(milliseconds(function, rows, weight))
        ours = statistics.median(times["closeness_sum"])
        for name, values in times.items():
            median = statistics.median(values)
            print(f"{kernels:4} kernels  {name:12} {median:7.1f} ms  × {median / ours:.2f}")


if __name__ == "__main__":
    main()
