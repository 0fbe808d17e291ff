"""What can befall a run: no memory left, a process lost, code of the user's that an ensemble cannot stack.

Each becomes one line that says what to do.
"""

from __future__ import annotations

import contextlib
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lightning as L
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException

import ssgan
from ssgan.config import TrainConfig
from ssgan.errors import ConfigError, SSGANError
from ssgan.run_folder.checkpoint import how_to_go_on, last_checkpoint

#: What PyTorch says where the operating system has no memory for it.
_NO_MEMORY = re.compile(r"can't allocate memory|not enough memory|out of memory|bad_alloc|Cannot allocate memory", re.I)

#: What gloo and NCCL say when they do not hear from another process any more.
_LOST = re.compile(
    r"closed by peer|reset by peer|Broken pipe|remote process|socketPollConnect|heartbeat|Timed out", re.I
)


#: What ``torch.func.vmap`` says of code that is not a function of its arguments alone, and what to do about it.
_NOT_STACKED = {
    "random operation": "draws from PyTorch's own random generator; let it draw by a technique's discriminator_draws or"
    " generator_draws, or by a layer of ssgan.layers such as Dropout, or leave out ensemble",
    "data-dependent control flow": "branches on a tensor's value; use torch.where, or leave out ensemble",
    "Tensor.requires_grad_()": "takes gradients by requires_grad_; take them by torch.func.grad, or leave out ensemble",
    "Batching rule not implemented": "uses what PyTorch cannot compute for several at once; leave out ensemble",
    "same size in the mapped dimension": "mixes tensors of a member with tensors of all; leave out ensemble",
}


@contextmanager
def told_in_one_line(config: TrainConfig) -> Iterator[None]:
    """Turn the errors of PyTorch that mean such a thing into the project's own.

    Raises:
        SSGANError: says what ran out, or which process was lost, and what to do.
        ConfigError: Lightning refuses a callback or an option of its trainer only now.
    """
    try:
        yield
    except MisconfigurationException as error:  # such as of a callback that cannot work with two optimisers
        line = str(error).partition("\n")[0]
        raise ConfigError(f"callbacks or trainer: {line}") from error
    except (MemoryError, RuntimeError, ValueError) as error:
        # NCCL's first line says the same of every failure; what went wrong comes further down.
        lines = str(error).splitlines() or [""]
        line = next((each for each in lines if _NO_MEMORY.search(each) or _LOST.search(each)), lines[0])
        if isinstance(error, MemoryError | torch.OutOfMemoryError) or _NO_MEMORY.search(line):
            raise SSGANError(f"out of memory ({_shortened(line)}): {_advice(config)}") from error
        lost = _LOST.search(line) or isinstance(error, torch.distributed.DistBackendError)
        if torch.distributed.is_initialized() and lost:
            hint = how_to_go_on(config.run_dir) if last_checkpoint(config.run_dir).is_file() else ""
            raise SSGANError(
                f"another process of this run was lost ({_shortened(line)}): its own message says why{hint}"
            ) from error
        # What callbacks of Lightning's say, over several lines: of two optimisers, and of a metric that there is not.
        if "manual optimization" in str(error) or "conditioned on metric" in str(error):
            raise ConfigError(f"callbacks: {' '.join(str(error).split())}") from error
        advice = next(
            (advice for said, advice in _NOT_STACKED.items() if config.run.ensemble is not None and said in line), None
        )
        if advice is not None:
            where = _users_line(error) or "a layer of a network"
            raise SSGANError(f"an ensemble's members compute as one, but {where} {advice}") from error
        raise


def _users_line(error: BaseException) -> str | None:
    """The file and line of the user's code in which an error arose; None where a library's alone was at work."""
    libraries = (torch.__path__, L.__path__, ssgan.__path__, [contextlib.__file__])
    folders = [folder for several in libraries for folder in several]
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not any(map(Path(frame.filename).is_relative_to, folders)):
            return f"{frame.filename}, line {frame.lineno},"
    return None


def _advice(config: TrainConfig) -> str:
    """What to reduce, what takes the most first."""
    ways = [
        f"reduce data.batch_size (now {config.data.batch_size})",
        f"data.eval_batch_size (now {config.data.eval_batch_size})",
    ]
    ways += [*config.tricks.memory_options, "the widths under model"]
    if hasattr(config.data, "image_size"):
        ways.append(f"data.image_size (now {config.data.image_size})")
    if config.trainer.precision == "32":
        ways.append("or on a GPU set trainer.precision=bf16-mixed")
    return ", ".join(ways)


def _shortened(line: str, longest: int = 160) -> str:
    return line if len(line) <= longest else f"{line[: longest - 4]} ..."
