"""Image files decoded ahead of the network, by other processes or threads.

Nothing here imports torch, so that the processes that decode stay small.
"""

from __future__ import annotations

import itertools
import multiprocessing
import signal
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from ssgan.data.decode import UnreadableImageError, decode
from ssgan.errors import SSGANError

#: Files that a process decodes at a time: enough to outweigh handing over the result.
_PIECE = 50

#: Batches that are decoded ahead.
_AHEAD = 3


class ImageForm(NamedTuple):
    """The images that a network takes, and how others are brought to that size ("crop" or "squash")."""

    channels: int
    height: int
    width: int
    resize: str = "crop"


class FileBatch(NamedTuple):
    """Some files in their order: those that could be read, their images, and the reasons of the others."""

    files: list[str]
    pixels: np.ndarray  # uint8, shape (len(files), channels, height, width)
    unreadable: dict[str, str]


def decode_batch(files: Sequence[str], form: ImageForm) -> FileBatch:
    """Decode files one after the other."""
    readable: list[str] = []
    pixels = np.empty((len(files), *form[:3]), np.uint8)
    unreadable: dict[str, str] = {}
    for file in files:
        try:
            pixels[len(readable)] = decode(file, (form.height, form.width), form.channels, form.resize)
            readable.append(file)
        except UnreadableImageError as error:
            unreadable[file] = str(error)
    return FileBatch(readable, pixels[: len(readable)], unreadable)


@contextmanager
def decoding_processes(count: int) -> Iterator[Executor]:
    """Processes for :func:`read_ahead`, started at once.

    Enter it before torch is imported: where the system can fork, the processes then start in milliseconds, without
    threads to trip over, and what they decode first overlaps with the start of torch.
    """
    forks = "fork" in multiprocessing.get_all_start_methods() and multiprocessing.get_start_method() != "spawn"
    context = multiprocessing.get_context("fork" if forks else "spawn")
    others = multiprocessing.active_children()
    executor = ProcessPoolExecutor(count, context, initializer=_leave_the_terminal_alone)
    executor.submit(int)
    try:
        yield executor
    except BaseException:
        for process in multiprocessing.active_children():
            if process not in others:  # it may be at a piece of large files
                process.kill()
        raise
    finally:
        executor.shutdown(cancel_futures=True)


def _leave_the_terminal_alone() -> None:
    """Let the parent deal with Ctrl-C, and keep Pillow's warnings out of the progress bar."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")


def read_ahead(files: Sequence[str], form: ImageForm, batch_size: int, executor: Executor) -> Iterator[FileBatch]:
    """Batches of ``batch_size`` files in their order, the next ones being decoded while one is in use.

    Raises:
        SSGANError: a process died over a file, as it does when the memory is full.
    """
    pieces = _pieces(files, batch_size)
    pending: deque[tuple[Future[FileBatch], bool]] = deque()

    def submit(count: int) -> None:
        for piece, last in itertools.islice(pieces, count):
            pending.append((executor.submit(decode_batch, piece, form), last))

    parts: list[FileBatch] = []
    try:
        submit(_AHEAD * -(-batch_size // _PIECE))
        while pending:
            future, last = pending.popleft()
            parts.append(future.result())
            submit(1)
            if last:
                yield _joined(parts)
                parts = []
    except BrokenExecutor as error:
        raise SSGANError(
            "a process that decodes images died; a damaged file or too little memory can do that"
        ) from error


def _pieces(files: Sequence[str], batch_size: int) -> Iterator[tuple[Sequence[str], bool]]:
    """What is decoded at a time, and whether it ends a batch."""
    for start in range(0, len(files), batch_size):
        batch = files[start : start + batch_size]
        for i in range(0, len(batch), _PIECE):
            yield batch[i : i + _PIECE], i + _PIECE >= len(batch)


def _joined(parts: Sequence[FileBatch]) -> FileBatch:
    return FileBatch(
        [file for part in parts for file in part.files],
        np.concatenate([part.pixels for part in parts]),
        {file: reason for part in parts for file, reason in part.unreadable.items()},
    )
