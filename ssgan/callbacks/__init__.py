"""Callbacks: what a run leaves behind while it trains."""

from ssgan.callbacks.checkpoints import BestCheckpoint, LastCheckpoint
from ssgan.callbacks.collapse import CollapseWarning
from ssgan.callbacks.global_randomness import GlobalRandomness
from ssgan.callbacks.interruption import Interruption
from ssgan.callbacks.progress import Progress
from ssgan.callbacks.sample_grid import SampleGrid
from ssgan.callbacks.status_file import StatusFile
from ssgan.callbacks.throughput import Throughput

__all__ = [
    "BestCheckpoint",
    "CollapseWarning",
    "GlobalRandomness",
    "Interruption",
    "LastCheckpoint",
    "Progress",
    "SampleGrid",
    "StatusFile",
    "Throughput",
]
