"""Fixtures that tests of several packages share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def cache_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the user's cache folder and data sets out of every test."""
    home = tmp_path / "cache-home"
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    monkeypatch.delenv("SSGAN_DATA", raising=False)
    return home


@pytest.fixture
def no_checksums(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torchvision take files of any content for SVHN and CIFAR-10, as long as they exist."""
    import torchvision.datasets

    def exists(path: str, md5: str | None = None) -> bool:
        return os.path.isfile(path)

    monkeypatch.setattr(torchvision.datasets.svhn, "check_integrity", exists)
    monkeypatch.setattr(torchvision.datasets.cifar, "check_integrity", exists)
