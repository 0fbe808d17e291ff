"""Random changes to images that leave their class as it is. The options, exported here, import no torch."""

from ssgan.augmentation.options import Augmentation

__all__ = ["Augmentation"]
