"""How long a run has been training."""

from __future__ import annotations

import time


class Stopwatch:
    """Seconds of training: of this process, while it trains, and those of a resumed run before it.

    Attributes:
        earlier: seconds until the last start.
        started: whether it ever was.
    """

    def __init__(self) -> None:
        self.earlier = 0.0
        self.started = False
        self._since: float | None = None

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        return self.earlier + (time.monotonic() - self._since if self._since is not None else 0.0)

    def start(self) -> None:
        """Training begins, or goes on."""
        self.stop()
        self._since = time.monotonic()
        self.started = True

    def stop(self) -> None:
        """Training has ended; the final test is no part of it."""
        self.earlier, self._since = self.seconds, None
