"""Fixtures that tests of several packages share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

#: Examples of each property: the same ones in each run of the suite, and many new ones with ``make torture``.
hypothesis.settings.register_profile("fast", max_examples=40, derandomize=True, deadline=None, database=None)
hypothesis.settings.register_profile("torture", max_examples=1000, deadline=None, database=None, print_blob=True)
hypothesis.settings.load_profile("fast")

#: Folder of real data sets, if there is one; only tests that ask for it see it.
REAL_DATA = os.environ.get("SSGAN_DATA", "")

#: Half a minute and more for single tests: done first, so that no worker is alone with one at the end.
LONGEST = ("test_campaigns.py", "test_ddp_equals_one.py", "test_notebooks.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the longest tests to the front; the others keep their order."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.fixture(scope="session", autouse=True)
def no_real_data() -> Iterator[None]:
    """Hide the folder of real data sets, from the fixtures of whole modules too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SSGAN_DATA", raising=False)
        yield


@pytest.fixture(autouse=True)
def cache_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the user's cache folder out of every test."""
    home = tmp_path / "cache-home"
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    return home


@pytest.fixture
def no_checksums(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let torchvision take files of any content for SVHN and CIFAR-10, as long as they exist."""
    import torchvision.datasets

    def exists(path: str, md5: str | None = None) -> bool:
        return os.path.isfile(path)

    monkeypatch.setattr(torchvision.datasets.svhn, "check_integrity", exists)
    monkeypatch.setattr(torchvision.datasets.cifar, "check_integrity", exists)


@pytest.fixture
def in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hydra makes its folders where it is called."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)


@pytest.fixture
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """No login at W&B of this machine's user, and no try to reach a server."""
    import socket

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("something asks the network")

    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
