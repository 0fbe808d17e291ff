"""Commands of ordinary flags: everything after training."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import wraps
from typing import NoReturn

from ssgan.commands.cli import interrupted, leave
from ssgan.error_lines import MENDABLE
from ssgan.errors import ConfigError


class Parser(argparse.ArgumentParser):
    """argparse's parser, with one line for a wrong flag, and the module's docstring for help.

    Args:
        command: as the user types it, ``python -m ssgan.predict``.
        description: what it does; its layout is kept.
    """

    def __init__(self, command: str, description: str | None) -> None:
        super().__init__(
            prog=f"python -m ssgan.{command}",
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """One line instead of the usage; exit status 2."""
        leave(ConfigError(f"{message}; {self.prog} --help lists what there is"))

    def add_device(self) -> None:
        """The flag for where to compute."""
        self.add_argument("--device", default="auto", help="cpu, cuda, ...; auto: an accelerator if there is one")


def command(main: Callable[[], None]) -> Callable[[], None]:
    """An entry point that prints an error which the user can mend as one line, and exits."""

    @wraps(main)
    def run() -> None:
        try:
            main()
        except MENDABLE as error:
            leave(error)
        except KeyboardInterrupt:
            interrupted()

    return run
