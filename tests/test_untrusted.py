"""Files from elsewhere: nothing in them is executed, unpacked elsewhere, or let to fill the memory."""

from __future__ import annotations

import io
import pickle
import struct
import tarfile
import urllib.error
import zlib
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch
import torchvision.datasets
from PIL import Image

from ssgan.data import CIFAR10, SVHN, Arrays
from ssgan.data.decode import UnreadableImageError, decode
from ssgan.errors import ConfigError, DataError
from ssgan.inference.trained import load
from tests.fake_data import write_arrays, write_cifar10, write_svhn
from tests.runs import TINY, train


class Code:
    """Pickles to a call that leaves a trace."""

    def __init__(self, trace: Path):
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


@pytest.fixture
def trace(tmp_path: Path):
    """A file that must not be there at the end."""
    yield tmp_path / "executed"
    assert not (tmp_path / "executed").exists(), "code in a file was executed"


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise urllib.error.URLError("no network")

    for module in (torchvision.datasets.mnist, torchvision.datasets.cifar):
        monkeypatch.setattr(module, "download_and_extract_archive", fail)
    monkeypatch.setattr(torchvision.datasets.svhn, "download_url", fail)


# --- checkpoints -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = tmp_path_factory.mktemp("run")
    train(run_dir, *TINY, "trainer.max_iterations=1")
    return run_dir / "checkpoints" / "last.ckpt"


@pytest.mark.parametrize("place", ["ssgan", "state_dict", "optimizer_states", "extra"])
def test_code_anywhere_in_a_checkpoint_does_nothing(place: str, checkpoint: Path, trace: Path, tmp_path: Path):
    saved = torch.load(checkpoint, weights_only=True)
    saved[place] = {**saved[place], "x": Code(trace)} if isinstance(saved.get(place), dict) else [Code(trace)]
    bad = tmp_path / "bad.ckpt"
    torch.save(saved, bad)
    for use in (
        lambda: load(bad),
        lambda: train(tmp_path / "run", *TINY, f"ckpt_path={bad}", "trainer.max_iterations=2"),
    ):
        with pytest.raises(ConfigError, match="is not a whole checkpoint") as error:
            use()
        assert "\n" not in str(error.value)


def calls(trace: Path) -> dict[str, dict]:
    """Parts of a configuration that name a function to be called."""
    mkdir = {"_target_": "os.mkdir", "path": str(trace)}
    return {
        "a technique": {"trick": {"x": mkdir}},
        "inside a technique": {"trick": {"x": {"_target_": "ssgan.tricks.Trick", "inner": mkdir}}},
        "data": {"data": mkdir},
        "inside data": {"data": {"_target_": "ssgan.data.Digits", "augment": mkdir}},
        "a network": {"model": {"_target_": "builtins.open", "file": str(trace), "mode": "w"}},
        "a callback": {"callbacks": {"x": mkdir}},
        "a logger": {"logger": {"x": mkdir}},
    }


@pytest.mark.parametrize("kind", calls(Path()))
def test_what_a_checkpoints_configuration_names_is_not_called(kind: str, checkpoint: Path, trace: Path, tmp_path: Path):
    """Only a technique, a network and a data set are made from it, and nothing that is nested in them."""
    saved = torch.load(checkpoint, weights_only=True)
    saved["ssgan"]["config"] |= calls(trace)[kind]
    torch.save(saved, tmp_path / "bad.ckpt")
    if kind in ("a callback", "a logger"):
        assert load(tmp_path / "bad.ckpt").classes, "neither is needed to use a model"
        return
    with pytest.raises(ConfigError) as error:
        load(tmp_path / "bad.ckpt")
    assert "\n" not in str(error.value)


# --- data ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["x_train", "y_test", "classes", "x_unlabelled"])
def test_pickled_objects_in_an_npz_do_nothing(name: str, trace: Path, tmp_path: Path):
    path = tmp_path / "mine.npz"
    array = np.empty(1, object)
    array[0] = Code(trace)
    write_arrays(path, **{name: array})
    with pytest.raises(DataError, match=f"{name} holds Python objects") as error:
        Arrays(path=str(path)).load()
    assert "\n" not in str(error.value)


def test_a_pickle_that_calls_itself_npz_does_nothing(trace: Path, tmp_path: Path):
    (tmp_path / "mine.npz").write_bytes(pickle.dumps(Code(trace)))
    with pytest.raises(DataError, match="not a readable"):
        Arrays(path=str(tmp_path / "mine.npz")).load()


def test_an_npz_that_claims_a_terabyte_is_one_line(tmp_path: Path):
    path = tmp_path / "mine.npz"
    write_arrays(path)
    import zipfile

    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (10**13, 8, 8, 3)})
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x_train.npy", header.getvalue() + b"\0" * 100)
        for name in ("y_train", "x_test", "y_test"):
            file.writestr(f"{name}.npy", header.getvalue())
    with pytest.raises(DataError, match=r"do not fit into memory|not a readable") as error:
        Arrays(path=str(path)).load()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["data_batch_1", "test_batch", "batches.meta"])
def test_a_cifar10_pickle_is_read_only_if_its_checksum_matches(name: str, trace: Path, tmp_path: Path, offline: None):
    write_cifar10(tmp_path)
    (tmp_path / "cifar-10-batches-py" / name).write_bytes(pickle.dumps(Code(trace)))
    with pytest.raises(DataError):
        CIFAR10(root=str(tmp_path)).load()


def test_an_archive_with_another_checksum_is_not_unpacked(trace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A name that leads out of the folder would be written there, so the archive must not be opened at all."""
    root = tmp_path / "root"
    root.mkdir()
    with tarfile.open(root / "cifar-10-python.tar.gz", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../executed"), io.BytesIO())

    def fail(*args: object, **kwargs: object) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr("urllib.request.urlopen", fail)
    with pytest.raises(DataError):
        CIFAR10(root=str(root)).load()
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []


def test_objects_in_a_mat_file_do_nothing(trace: Path, tmp_path: Path, no_checksums: None, offline: None):
    write_svhn(tmp_path)
    scipy.io.savemat(tmp_path / "train_32x32.mat", {"X": {"code": pickle.dumps(Code(trace))}, "y": np.zeros((1, 1))})
    with pytest.raises(DataError) as error:
        SVHN(root=str(tmp_path)).load()
    assert "\n" not in str(error.value)


# --- images ----------------------------------------------------------------------------------------------------------


def png(path: Path, width: int, height: int) -> Path:
    """A PNG of a few bytes that claims a size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * 1000)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))
    return path


@pytest.mark.parametrize("side", [9_500, 50_000], ids=["above Pillow's warning", "above its limit"])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_an_image_bomb_is_refused_before_it_is_decoded(side: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    Image.init()  # some of Pillow's plugins load images of their own
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(UnreadableImageError, match="pixels") as error:
        decode(png(tmp_path / "bomb.png", side, side), 32, 3, "crop")
    assert "\n" not in str(error.value)
