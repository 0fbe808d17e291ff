"""The processors at hand."""

from __future__ import annotations

import os

import pytest

from ssgan.machine.cores import cpu_count


def test_only_the_processors_that_this_process_may_use_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container or batch system gives a process a part of the machine's."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0: {2, 5, 7}}[pid], raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert cpu_count() == 3


@pytest.mark.parametrize(("known", "expected"), [(6, 6), (None, 1)])
def test_where_the_system_does_not_say_all_count(
    known: int | None, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On macOS there is no affinity."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: known)
    assert cpu_count() == expected
