"""Where an iteration's time goes, by kind of operation.

python -m benchmarks.profile                     # MLP/MNIST
python -m benchmarks.profile digits --options trainer.iterations_per_batch=10 --json FILE

PyTorch's profiler watches a training run; each operation counts without those that it calls. The profiler itself takes
time: what is left for Python and for the operations' dispatch is too much by what it needs for each of them. On a CPU
the operations that compute something are counted too: on a GPU each of them would launch a kernel, or several.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import lightning as L
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.cases import CASES, train
from benchmarks.machine import describe, device, write
from benchmarks.paired import synchronise

#: What operations are for; the first kind that has a part of the operation's name.
KINDS = {
    "matrix products, convolutions": ("mm", "convolution", "conv2d", "conv_transpose", "deconv"),
    "noise": ("normal_", "bernoulli_", "uniform_", "random_"),
    "optimisers": ("adam", "Optimizer."),
    "weight average": ("lerp",),
    "weight norm": ("linalg_vector_norm", "_weight_norm", "NormalisedWeight", "sqrt", "aten::div"),
    "other passes over tensors": ("aten::",),
}
#: The same of a CUDA graph's kernels, which no operation has launched.
KERNELS = {
    "matrix products, convolutions": ("gemm", "nvjet", "cutlass", "xmma", "conv", "dgrad", "wgrad", "fprop"),
    "noise": ("distribution",),
    "optimisers": ("Adam",),
    "weight average": ("lerp",),
    "other passes over tensors": ("",),
}
WARM_UP, ITERATIONS = 40, 10 if device() == "cuda" else 40  # on a GPU each has thousands of events


class Computing(TorchDispatchMode):
    """Counts operations but for views and new memory."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count it, and compute it."""
        computes = not operation.is_view and "empty" not in str(operation) and operation.namespace != "profiler"
        self.count += computes
        return operation(*args, **(kwargs or {}))


class Watch(L.Callback):
    """Profiles some iterations, and counts the operations of the one before."""

    def __init__(self) -> None:
        self.computing = Computing()
        activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device() == "cuda" else [])]
        self.profiler = profile(activities=activities)
        self.seconds = 0.0

    def on_train_batch_start(self, trainer: L.Trainer, *_: Any) -> None:
        """Begin to count; a GPU's gradients are computed by threads that would not be seen."""
        if trainer.global_step == WARM_UP - 1 and device() == "cpu":
            self.computing.__enter__()

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        """Begin and end."""
        if trainer.global_step == WARM_UP and device() == "cpu":
            self.computing.__exit__(None, None, None)
        if trainer.global_step == WARM_UP:
            synchronise()
            self.profiler.start()
            self.seconds = -time.perf_counter()
        if trainer.global_step == WARM_UP + ITERATIONS:
            synchronise()
            self.seconds += time.perf_counter()
            self.profiler.stop()


def kind(name: str, kinds: dict[str, tuple[str, ...]]) -> str:
    """What an operation or kernel is for."""
    return next((kind for kind, parts in kinds.items() if any(part in name for part in parts)), "Python, autograd")


def main() -> None:
    """Print milliseconds an iteration; write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", nargs="?", default="mlp", choices=list(CASES))
    parser.add_argument("--options", nargs="*", default=[])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    print(describe())
    watch = Watch()
    length = ["trainer.max_iterations=100", "trainer.eval_every=1000000", "trainer.test_curve=false"]
    with tempfile.TemporaryDirectory() as folder:
        train(CASES[arguments.case], Path(folder), [*length, *arguments.options], device(), [watch])
    times: Counter[str] = Counter()
    calls: Counter[str] = Counter()
    graphs = "trainer.cuda_graphs=true" in arguments.options
    for event in watch.profiler.key_averages():
        if (event.device_type == DeviceType.CPU) is graphs:
            continue  # on a GPU operations and the kernels that they launched both have the kernels' time
        microseconds = event.self_device_time_total if device() == "cuda" else event.self_cpu_time_total
        name = kind(event.key, KERNELS if graphs else KINDS)
        times[name] += microseconds / 1e3 / ITERATIONS
        calls[name] += round(event.count / ITERATIONS)
    whole = 1e3 * watch.seconds / ITERATIONS
    times["not in any operation"] = max(whole - sum(times.values()), 0.0)
    rows = [
        {"case": arguments.case, "options": arguments.options, "kind": name, "ms": ms, "calls": calls[name]}
        for name, ms in times.most_common()
    ]
    for row in rows:
        print(f"{row['kind']:32}{row['ms']:9.2f} ms{row['ms'] / whole:7.1%}{row['calls']:7} calls")
    print(f"{'an iteration':32}{whole:9.2f} ms")
    if watch.computing.count:
        print(f"operations that compute, of one iteration: {watch.computing.count}")
    write(arguments.json, rows)


if __name__ == "__main__":
    main()
