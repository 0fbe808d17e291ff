"""MNIST, SVHN and CIFAR-10 from small files in their real formats, and downloads up to the network."""

from __future__ import annotations

import threading
import time
import urllib.error
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision.datasets

from ssgan.data import CIFAR10, MNIST, SVHN
from ssgan.errors import DataError
from tests.fake_data import CIFAR10_CLASSES, write_cifar10, write_mnist, write_svhn

SETS = [(MNIST, write_mnist), (SVHN, write_svhn), (CIFAR10, write_cifar10)]


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let every download fail as without a network; the list records what was asked for."""
    asked: list[str] = []

    def fail(url: str, *args: object, **kwargs: object) -> None:
        asked.append(url)
        raise urllib.error.URLError("Temporary failure in name resolution")

    monkeypatch.setattr(torchvision.datasets.mnist, "download_and_extract_archive", fail)
    monkeypatch.setattr(torchvision.datasets.cifar, "download_and_extract_archive", fail)
    monkeypatch.setattr(torchvision.datasets.svhn, "download_url", fail)
    return asked


@pytest.mark.parametrize(("cls", "write"), SETS)
@pytest.mark.usefixtures("no_checksums")
def test_reads_the_real_format(cls: type, write: Callable, tmp_path: Path, offline: list[str]) -> None:
    written = write(tmp_path)
    data = cls(root=str(tmp_path)).load()
    for part, x, y in (("train", data.x_train, data.y_train), ("test", data.x_test, data.y_test)):
        images, labels = written[part]
        assert np.array_equal(x.permute(0, 2, 3, 1).numpy(), images)
        assert y.tolist() == labels.tolist()
        assert x.is_contiguous()
    assert data.x_unlabelled is None
    assert data.classes == (CIFAR10_CLASSES if cls is CIFAR10 else tuple("0123456789"))
    assert not offline, "a copy that is there must not be downloaded"
    assert not list(tmp_path.glob(".*.lock")), "reading must not need to write"


@pytest.mark.parametrize(("cls", "write"), SETS)
def test_without_network_one_line_says_what_to_do(cls: type, write: Callable, tmp_path: Path, offline: list) -> None:
    root = tmp_path / "new" / "folder"
    with pytest.raises(DataError) as error:
        cls(root=str(root)).load()
    message = str(error.value)
    assert offline, "a missing copy must be downloaded"
    assert "Temporary failure in name resolution" in message and "\n" not in message
    assert str(root / cls.location) in message and "data.root=" in message and "SSGAN_DATA" in message


@pytest.mark.parametrize(("cls", "write"), SETS)
def test_a_download_is_read(cls: type, write: Callable, tmp_path: Path, monkeypatch, no_checksums: None) -> None:
    source = getattr(torchvision.datasets, cls.__name__)
    downloads: list[str] = []

    def download(self: object) -> None:
        if not downloads:
            downloads.append(self.root)
            write(Path(self.root))

    monkeypatch.setattr(source, "download", download)
    assert len(cls(root=str(tmp_path / "sets")).load().x_train) == 200
    assert downloads == [str(tmp_path / "sets")]


def test_jobs_that_start_together_share_one_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    downloads: list[float] = []

    def download(self: torchvision.datasets.MNIST) -> None:
        if not self._check_exists():
            downloads.append(time.monotonic())
            time.sleep(0.3)
            write_mnist(tmp_path)

    monkeypatch.setattr(torchvision.datasets.MNIST, "download", download)
    sizes: list[int] = []

    def load() -> None:
        sizes.append(len(MNIST(root=str(tmp_path)).load().x_train))

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sizes == [200] * 3 and len(downloads) == 1


@pytest.mark.parametrize("kept_bytes", [0, 3, 10, 16, 1000])
def test_a_truncated_file_is_reported_in_one_line(kept_bytes: int, tmp_path: Path, offline: list[str]) -> None:
    write_mnist(tmp_path)
    file = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:kept_bytes])
    with pytest.raises(DataError, match="delete damaged ones") as error:
        MNIST(root=str(tmp_path)).load()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("cls", "write"), SETS[1:])
def test_files_with_another_checksum_are_not_taken(cls: type, write: Callable, tmp_path: Path, offline: list) -> None:
    write(tmp_path)
    with pytest.raises(DataError):
        cls(root=str(tmp_path)).load()
    assert offline


def test_a_root_that_cannot_be_written(tmp_path: Path, offline: list[str]) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"Not a directory|File exists") as error:
        MNIST(root=str(tmp_path / "file" / "root")).load()
    assert "\n" not in str(error.value) and not offline


def test_svhn_label_ten_is_zero(tmp_path: Path, no_checksums: None) -> None:
    write_svhn(tmp_path)
    data = SVHN(root=str(tmp_path)).load()
    assert torch.bincount(data.y_train).tolist() == [20] * 10
