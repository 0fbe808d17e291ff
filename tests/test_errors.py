"""Errors of the user's are told apart from defects."""

from __future__ import annotations

import pytest

from ssgan.errors import ConfigError, DataError, SSGANError, TrainingDiverged


@pytest.mark.parametrize("error", [ConfigError, DataError, TrainingDiverged])
def test_all_kinds_of_error_are_the_users(error: type[Exception]) -> None:
    assert issubclass(error, SSGANError) and str(error("one line")) == "one line"
    assert not issubclass(error, ValueError | OSError | RuntimeError), "no defect and no other library's error is one"
