"""Callbacks: what a run leaves behind while it trains."""

from ssgan.callbacks.checkpoints import BestCheckpoint, LastCheckpoint
from ssgan.callbacks.progress import Progress
from ssgan.callbacks.sample_grid import SampleGrid

__all__ = ["BestCheckpoint", "LastCheckpoint", "Progress", "SampleGrid"]
