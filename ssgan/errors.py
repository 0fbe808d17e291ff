"""Errors that a user can mend. Entry points print them as one line, without a traceback."""

from __future__ import annotations


class SSGANError(Exception):
    """An error that a user can mend; its message is one line that says what is wrong and what to do."""


class ConfigError(SSGANError):
    """A wrong option, or options that do not go together."""


class DataError(SSGANError):
    """Data that is missing, unreadable or not in the form it should have."""


class TrainingDiverged(SSGANError):
    """A loss or a parameter that is not finite any more."""
