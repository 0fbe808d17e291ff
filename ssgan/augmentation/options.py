"""What of training images may change at random, and how far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ssgan.checks import in_range, non_negative


@dataclass(kw_only=True)
class Augmentation:
    """Random changes to training images, drawn anew for each example."""

    group: ClassVar[str] = "data.augment"
    """Where these options are in the configuration, for messages."""

    flip: bool = False
    """Mirror half of the images left to right."""
    shift: int = 0
    """Largest translation along each axis, in whole pixels; the border is filled by reflection."""
    rotate: float = 0.0
    """Largest rotation about the centre, either way, in degrees."""
    scale: float = 0.0
    """Largest change in size, as a fraction: 0.1 for 0.9 to 1.1 times."""
    shear: float = 0.0
    """Largest slant of vertical lines, either way, in degrees."""

    def __post_init__(self) -> None:
        non_negative(f"{self.group}.shift", self.shift)
        in_range(f"{self.group}.rotate", self.rotate, 0, 180)
        in_range(f"{self.group}.scale", self.scale, 0, 0.9)
        in_range(f"{self.group}.shear", self.shear, 0, 80)

    @property
    def warps(self) -> bool:
        """Whether pixels land between pixels, so that images are interpolated."""
        return bool(self.rotate or self.scale or self.shear)

    @property
    def changes(self) -> bool:
        """Whether any image is changed."""
        return bool(self.flip or self.shift or self.warps)
