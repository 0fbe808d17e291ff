"""What may change, and what is refused."""

from __future__ import annotations

import pytest

from ssgan.augmentation import Augmentation
from ssgan.errors import ConfigError


@pytest.mark.parametrize(
    ("options", "changes", "warps"),
    [
        ({}, False, False),
        ({"flip": True}, True, False),
        ({"shift": 1}, True, False),
        ({"rotate": 5.0}, True, True),
        ({"scale": 0.1}, True, True),
        ({"shear": 5.0}, True, True),
    ],
)
def test_what_an_option_means(options: dict[str, float], changes: bool, warps: bool) -> None:
    augmentation = Augmentation(**options)  # type: ignore[arg-type]
    assert augmentation.changes is changes and augmentation.warps is warps


@pytest.mark.parametrize(
    ("option", "value"), [("shift", -1), ("rotate", -1), ("rotate", 181), ("scale", 1.0), ("shear", 90)]
)
def test_wrong_augmentation_is_refused(option: str, value: float) -> None:
    with pytest.raises(ConfigError, match=rf"data\.augment\.{option}={value}: must be"):
        Augmentation(**{option: value})
