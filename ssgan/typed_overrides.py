"""Hydra's overrides as they are typed on a command line."""

from __future__ import annotations

import re
import shlex

#: Characters that Hydra's grammar takes in a value as they are, and so does a shell.
_PLAIN = re.compile(r"[A-Za-z0-9_./:-]+")

#: What Hydra's grammar takes for a number, such as the folder 2024_01.
_NUMBER = re.compile(r"[+-]?[\d_.]*\d[\d_.]*([eE][+-]?[\d_]+)?")


def is_number(value: str) -> bool:
    """Whether a value would be read as a number."""
    return _NUMBER.fullmatch(value) is not None


def override(key: str, value: str) -> str:
    """``key=value``, the value quoted if Hydra's grammar needs it; a path may hold whatever a file system takes."""
    if _PLAIN.fullmatch(value) and not is_number(value):
        return f"{key}={value}"
    # Within quotes a backslash is one, but for those before a quote.
    escaped = re.sub(r"(\\*)('|$)", lambda found: 2 * found[1] + ("\\'" if found[2] else ""), value)
    return f"{key}='{escaped}'"


def typed(key: str, value: str) -> str:
    """The same for a shell."""
    return shlex.quote(override(key, value))
