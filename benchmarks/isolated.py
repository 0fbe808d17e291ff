"""Measurements in a process of their own: one that fails, dies or hangs costs itself alone."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

#: Arguments of a measurement.
Case = tuple[Any, ...]


def isolated(
    measure: Callable[..., dict[str, Any]], cases: Sequence[Case], limit: float
) -> Iterator[tuple[Case, dict[str, Any]]]:
    """Each case with what ``measure(*case)`` returns, or with an ``error``.

    One process does all of them, for loading PyTorch takes seconds; after an error another one goes on with the rest,
    as a GPU on which a recording has failed may be of no more use to its process.

    Args:
        measure: a function of a module, so that another process finds it.
        cases: arguments.
        limit: seconds for a case, its process's start included.
    """
    left, context = list(cases), get_context("spawn")
    while left:
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=_measure_each, args=(measure, left, sender), daemon=True)
        process.start()
        sender.close()
        whole = True
        while left and whole:
            try:
                row = receiver.recv() if receiver.poll(limit) else {"error": f"more than {limit:.0f} s"}
            except EOFError:
                process.join()
                row = {"error": f"its process ended with {process.exitcode}"}
            whole = "error" not in row
            yield left.pop(0), row
        process.kill()
        process.join()


def _measure_each(measure: Callable[..., dict[str, Any]], cases: Sequence[Case], results: Connection) -> None:
    for case in cases:
        try:
            row = measure(*case)
        except BaseException as error:
            traceback.print_exc()
            results.send({"error": f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"})
            return
        results.send(row)
