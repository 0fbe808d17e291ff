"""What commands share of their output: where files go, and how wide tables are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ssgan.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console


def output_folder(given: Path | None, runs: Sequence[str], name: str) -> Path:
    """The folder that ``--out`` names, or else one of that name: inside the run's if it is one folder, or here.

    Raises:
        ConfigError: a file lies there.
    """
    inside = Path(runs[0]) if len(runs) == 1 and Path(runs[0]).is_dir() else Path()
    folder = inside / name if given is None else given
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file: name a folder with --out")
    return folder


def table_console(width: int = 120) -> Console:
    """A console for tables: as wide as the terminal, or ``width`` characters in a file, where nothing is wrapped."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console.width = width
    return console
