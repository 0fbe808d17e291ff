"""What an entry point says when something is wrong: one line, and an exit status that is not 0."""

from __future__ import annotations

import argparse
import functools
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from hydra.errors import HydraException
from omegaconf import DictConfig

from ssgan.error_lines import MENDABLE, WRONG_OPTIONS, describe, undecodable, unnamed_option
from ssgan.errors import ConfigError
from ssgan.machine.processes import first_of_machine
from ssgan.resolvers import in_sweep

#: Hydra's own switch for complete stack traces.
FULL_ERROR = "HYDRA_FULL_ERROR"

#: Ours, set while errors are to be one line.
ONE_LINE = "SSGAN_ONE_LINE"


def run_hydra(main: Callable[[], None]) -> None:
    """Run a Hydra entry point; print an error that the user can mend as one line and exit.

    An error of another kind is a defect and keeps its traceback. ``HYDRA_FULL_ERROR=1`` shows every traceback.
    """
    if os.environ.get(FULL_ERROR) == "1":
        main()
        return
    os.environ[FULL_ERROR] = "1"  # Hydra then raises its errors instead of printing them over many lines
    os.environ[ONE_LINE] = "1"
    try:
        with _one_line_usage():
            main()
    except MENDABLE as error:
        leave(error)
    except UnicodeDecodeError as error:
        leave(ConfigError(f"a configuration file is not UTF-8: {undecodable() or error}"))
    except ValueError as error:
        if str(error).startswith("Config group override"):
            leave(HydraException(unnamed_option(sys.argv[1:]) or str(error)))
        if not re.match(r"(The|Only one of) --", str(error)):  # of Hydra's own flags
            raise
        leave(HydraException(str(error)))
    except KeyboardInterrupt:
        interrupted()
    finally:
        del os.environ[FULL_ERROR], os.environ[ONE_LINE]


@contextmanager
def _one_line_usage() -> Iterator[None]:
    """Let argparse, which reads Hydra's own flags, refuse a flag in one line too."""
    error = argparse.ArgumentParser.error

    def refuse(self: argparse.ArgumentParser, message: str) -> NoReturn:
        hint = "; flags stand before the overrides, not among them" if message.startswith("unrecognized") else ""
        leave(ConfigError(f"{message}{hint}; --help lists what there is"))

    argparse.ArgumentParser.error = refuse  # type: ignore[method-assign]
    try:
        yield
    finally:
        argparse.ArgumentParser.error = error  # type: ignore[method-assign]


def one_line_errors(job: Callable[[DictConfig], Any]) -> Callable[[DictConfig], Any]:
    """Decorate a Hydra job so that a single run ends on its error's one line; a sweep gets the error itself."""

    @functools.wraps(job)
    def run(cfg: DictConfig) -> Any:
        try:
            return job(cfg)
        except MENDABLE as error:
            if in_sweep() or ONE_LINE not in os.environ:
                raise
            leave(error)  # before Hydra adds a line of its own

    return run


def leave(error: Exception) -> NoReturn:
    """Print the error and exit: status 2 for wrong options, 1 for anything else.

    Of several processes of a run all get the same options, so one says what is wrong with them.
    """
    wrong_option = isinstance(error, WRONG_OPTIONS)
    if first_of_machine() or not wrong_option:
        print(f"error: {describe(error)}", file=sys.stderr)
    sys.exit(2 if wrong_option else 1)


def interrupted() -> NoReturn:
    """Say so and exit with the status that shells expect after Ctrl-C."""
    print("interrupted", file=sys.stderr)
    sys.exit(128 + signal.SIGINT)
