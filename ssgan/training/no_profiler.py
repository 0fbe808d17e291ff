"""A profiler that measures nothing, in less time than Lightning's own takes for it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from lightning.pytorch.profilers import PassThroughProfiler


class NoProfiler(PassThroughProfiler):
    """Measures nothing, as Lightning's own does, but with one context for all parts.

    Lightning's makes a generator for each of about 200 parts of an iteration, a tenth of the time of small networks.
    """

    _context = nullcontext("")

    def profile(self, action_name: str) -> AbstractContextManager[str]:  # type: ignore[override]
        """A context that does nothing."""
        return self._context
