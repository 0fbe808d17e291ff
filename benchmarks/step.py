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
import functools
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.bare import bare_loop
from benchmarks.cases import CASES, images_of, train
from benchmarks.isolated import isolated
from benchmarks.machine import describe, device, write
from benchmarks.paired import Rival, seconds
from ssgan.machine.precision import MANY_PARAMETERS, cpu_has_bf16, cpu_rounds_products, set_matmul_precision

#: Iterations in a block, and how many blocks are measured.
BLOCKS = {
    "cpu": {"digits": (200, 9), "mlp": (20, 9), "conv_svhn": (1, 5), "conv_cifar10": (1, 5)},
    "cuda": {"digits": (50, 5), "mlp": (50, 5), "conv_svhn": (10, 5), "conv_cifar10": (10, 5)},
}


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
        help="of ssgan; each makes one more contestant; default: all that help",
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
