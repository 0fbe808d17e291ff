"""An iteration (a D step, a G step, bookkeeping) of ssgan, of a plain PyTorch loop, and of the hardware's limit.

python -m benchmarks.step                          # every network, as users run it and with each accelerating option
python -m benchmarks.step mlp conv_cifar10 --options    # as users run it alone
python -m benchmarks.step mlp --options trainer.precision=bf16-mixed --json results.json

ssgan is timed inside its own training run with loggers, bar and checkpoints, in blocks of iterations; after each block
the plain loop does as many, so that both see the same machine. Each of --options is one more contestant. The limit is
the time of all matrix products and convolutions of the plain loop (as torch counts them) at the measured peak rate of
float32, in the library that computes ssgan's products, on a GPU convolutions at that of TF32, with which PyTorch
computes them by default. The plain loop runs in the same process, and so has the run's threads and memory, but
products as PyTorch computes them unless it is told otherwise.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import lightning as L
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.bare import bare_loop, conv_players, mlp_players
from benchmarks.isolated import isolated
from benchmarks.machine import describe, device, write
from ssgan.composition import compose
from ssgan.data.images import ImageData
from ssgan.machine.precision import MANY_PARAMETERS, cpu_has_bf16, cpu_rounds_products, set_matmul_precision
from ssgan.run import run


class Case(NamedTuple):
    """A recipe: its options, images of that shape, and the plain loop's networks."""

    options: tuple[str, ...]
    shape: tuple[int, int, int]
    players: Callable[[], Any]
    z_dim: int
    batch: int
    lr: float
    l1: bool
    scale: tuple[float, float]


CASES = {
    "digits": Case(
        ("data=digits", "data.batch_size=50"), (1, 8, 8),
        lambda: mlp_players((1, 8, 8), 50, (128, 128), (256, 128, 128), 0.15), 50, 50, 3e-3, False, (0, 16),
    ),
    "mlp": Case(
        ("data=mnist",), (1, 28, 28),
        lambda: mlp_players((1, 28, 28), 100, (500, 500), (1000, 500, 250, 250, 250), 0.3), 100, 100, 3e-3, False,
        (0, 255),
    ),
    "conv_svhn": Case(
        ("data=svhn",), (3, 32, 32), lambda: conv_players((3, 32, 32), 100, (512, 256, 128), (64, 128)), 100, 100,
        3e-4, True, (127.5, 127.5),
    ),
    "conv_cifar10": Case(
        ("data=cifar10",), (3, 32, 32), lambda: conv_players((3, 32, 32), 100, (512, 256, 128), (96, 192)), 100, 100,
        3e-4, True, (127.5, 128),
    ),
}  # fmt: skip


#: Iterations in a block, and how many blocks are measured.
BLOCKS = {
    "cpu": {"digits": (200, 9), "mlp": (20, 9), "conv_svhn": (1, 5), "conv_cifar10": (1, 5)},
    "cuda": {"digits": (50, 5), "mlp": (50, 5), "conv_svhn": (10, 5), "conv_cifar10": (10, 5)},
}


def images_of(shape: tuple[int, int, int]) -> ImageData:
    """Random images with ten classes."""
    rng = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (12_000, *shape), dtype=torch.uint8, generator=rng)
    y = torch.arange(12_000) % 10
    return ImageData(x[:10_000], y[:10_000], x[10_000:], y[10_000:], tuple(map(str, range(10))))


class Rival(L.Callback):
    """Times blocks of the run, and after each block the rival's."""

    def __init__(self, rival: Callable[[], None], block: int, warm_up: int) -> None:
        self.rival, self.block, self.warm_up = rival, block, warm_up
        self.ours: list[float] = []
        self.theirs: list[float] = []
        self.begin = 0.0

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        """At a block's end."""
        if trainer.global_step % self.block:
            return
        synchronise()
        now = time.perf_counter()
        if trainer.global_step > self.warm_up:
            self.ours.append((now - self.begin) / self.block)
        with products_as_pytorch_begins():
            theirs = seconds(self.rival, self.block)
        if trainer.global_step > self.warm_up:
            self.theirs.append(theirs)
        synchronise()
        self.begin = time.perf_counter()


@contextlib.contextmanager
def products_as_pytorch_begins() -> Iterator[None]:
    """Compute products and convolutions as PyTorch does unless it is told otherwise."""
    convolutions: Any = torch.backends.mkldnn.conv
    before = torch.get_float32_matmul_precision(), convolutions.fp32_precision
    torch.set_float32_matmul_precision("highest")
    convolutions.fp32_precision = "none"
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        convolutions.fp32_precision = before[1]


def synchronise() -> None:
    """Wait for the device."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def seconds(call: Callable[[], Any], times: int) -> float:
    """Of one call, the mean of some."""
    synchronise()
    begin = time.perf_counter()
    for _ in range(times):
        call()
    synchronise()
    return (time.perf_counter() - begin) / times


def peak(device: str, precision: str) -> float:
    """Floating-point operations per second of the best large float32 matrix product in that ``matmul_precision``."""
    set_matmul_precision(precision, MANY_PARAMETERS)
    n = 8192 if device == "cuda" else 2048
    a, b, out = (torch.randn(n, n, device=device) for _ in range(3))
    return 2 * n**3 / min(seconds(lambda: torch.mm(a, b, out=out), 1) for _ in range(8))


def rate(device: str, precision: str) -> float:
    """The median of three measurements of :func:`peak`."""
    return statistics.median(peak(device, precision) for _ in range(3))


@functools.cache
def gpu_rates() -> dict[str, float]:
    """Of a GPU, measured once, for it is the same at each contestant; a CPU has other work too."""
    return {level: rate("cuda", level) for level in ("high", "highest")}


def limit(counter: FlopCounterMode, device: str) -> float:
    """Seconds of the counted products and convolutions at the peak rates."""
    rates = gpu_rates() if device == "cuda" else {"highest": rate(device, "highest")}
    total = 0.0
    for operation, flops in counter.get_flop_counts()["Global"].items():
        tf32 = device == "cuda" and "convolution" in str(operation)
        total += flops / rates["high" if tf32 else "highest"]
    return total


def accelerating(name: str, block: int) -> list[str]:
    """The options that make ssgan faster on the device at hand, in blocks of that many iterations; the best first."""
    bf16, rounded = "trainer.precision=bf16-mixed", "trainer.matmul_precision="
    together = "trainer.iterations_per_batch=10"
    if device() == "cuda":
        graphs, fp16 = f"trainer.cuda_graphs=true {together}", "trainer.precision=16-mixed"
        if name.startswith("conv"):
            return [bf16, f"{graphs} {bf16}", graphs, fp16]
        return [graphs, "trainer.cuda_graphs=true", together, f"{graphs} {rounded}high", f"{graphs} {bf16}", bf16, fp16]
    short = block % 10 == 0  # where an iteration is long, what is around it does not matter
    rounds = [f"{rounded}medium"] if cpu_rounds_products() else []
    return [*([together] if short else []), *([bf16] if cpu_has_bf16() else []), *rounds]


def train(
    case: Case, folder: Path, options: Sequence[str], device: str, callbacks: Sequence[L.Callback] = ()
) -> ImageData:
    """Run ssgan on random images, as a user would, its output left out; the images."""
    data = images_of(case.shape)
    config = compose([*case.options, f"trainer={'gpu' if device == 'cuda' else 'cpu'}", *options], folder)
    object.__setattr__(config.data, "load", lambda: data)
    logging.getLogger("lightning").setLevel(logging.ERROR)
    with contextlib.redirect_stdout(io.StringIO()):
        run(config, callbacks=callbacks)
    return data


def measure(name: str, options: Sequence[str], device: str, blocks: int, block: int) -> dict[str, Any]:
    """Medians of a case, in seconds for an iteration."""
    case = CASES[name]
    data = images_of(case.shape)
    offset, divisor = case.scale
    pixels, labels = data.x_train.to(device), data.y_train[: case.batch].to(device)
    plain = bare_loop(
        case.players(), pixels, labels, case.z_dim, lambda x: (x.float() - offset) / divisor, case.lr, case.l1
    )
    plain()
    with FlopCounterMode(display=False) as counter:
        plain()
    least = limit(counter, device)
    warm_up = 2 * block  # a recorded graph is there by then
    rival = Rival(plain, block, warm_up)
    with tempfile.TemporaryDirectory() as folder:
        length = f"trainer.max_iterations={warm_up + blocks * block}"
        quiet = (length, "trainer.eval_every=1000000", "trainer.test_curve=false")
        train(case, Path(folder), [*quiet, *options], device, [rival])
    ratio = statistics.median(a / b for a, b in zip(rival.ours, rival.theirs, strict=True))
    ours, theirs = statistics.median(rival.ours), statistics.median(rival.theirs)
    return {
        "case": name, "options": options, "ssgan_ms": 1e3 * ours, "plain_ms": 1e3 * theirs, "limit_ms": 1e3 * least,
        "ratio_to_plain": ratio, "ratio_to_limit": ours / least, "blocks": blocks, "iterations_per_block": block,
    }  # fmt: skip


def main() -> None:
    """Print a table; write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}; default: all")
    parser.add_argument(
        "--options",
        nargs="*",
        help="of ssgan; each makes one more contestant ; default: all that help",
    )
    parser.add_argument("--always", nargs="*", default=[], help="options that all contestants have")
    parser.add_argument("--blocks", type=int, help="to be measured")
    parser.add_argument("--limit", type=float, default=600.0, help="seconds for each contestant (default: 600)")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    print(describe())
    print(f"{'case':14}{'options':66}{'ssgan ms':>10}{'plain ms':>10}{'limit ms':>10}{'/plain':>9}{'/limit':>9}")
    cases = []
    for name in arguments.cases or CASES:
        block, blocks = BLOCKS[device()][name]
        contestants = accelerating(name, block) if arguments.options is None else arguments.options
        for options in ["", *contestants]:
            cases.append((name, [*arguments.always, *options.split()], device(), arguments.blocks or blocks, block))
    rows: list[dict[str, Any]] = []
    for (name, options, *_), row in isolated(measure, cases, arguments.limit):
        rows.append({"case": name, "options": options} | row)
        print(f"{name:14}{' '.join(options):66}{_numbers(row)}", flush=True)
        write(arguments.json, rows)
    sys.exit(any("error" in row for row in rows))


def _numbers(row: dict[str, Any]) -> str:
    if "error" in row:
        return f"  FAILED: {row['error']}"
    return (
        f"{row['ssgan_ms']:10.3f}{row['plain_ms']:10.3f}{row['limit_ms']:10.3f}{row['ratio_to_plain']:9.3f}"
        f"{row['ratio_to_limit']:9.2f}"
    )


if __name__ == "__main__":
    main()
