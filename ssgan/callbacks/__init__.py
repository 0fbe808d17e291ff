"""Callbacks: what a run leaves behind while it trains."""

from __future__ import annotations

from ssgan.callbacks.checkpoints import BestCheckpoint, LastCheckpoint
from ssgan.callbacks.progress import Progress
from ssgan.callbacks.sample_grid import SampleGrid
from ssgan.callbacks.status_file import StatusFile

__all__ = ["BestCheckpoint", "LastCheckpoint", "Progress", "SampleGrid", "StatusFile"]
