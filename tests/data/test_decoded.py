"""Many image files to one array: decoded once, kept in the cache, and tried anew where they could not be read."""

from __future__ import annotations

import errno
import logging
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

import ssgan.data.decoded
from ssgan.data import Folder
from ssgan.data.decode import decode
from ssgan.data.decoded import decode_files
from tests.data.painted import colours, load, paint, paint_folder, refusal


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return paint_folder(tmp_path / "images")


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are really decoded."""
    names: list[str] = []
    decode = ssgan.data.decoded.decode

    def recorded(path: Path, *args: object) -> np.ndarray:
        names.append(path.name)
        return decode(path, *args)

    monkeypatch.setattr(ssgan.data.decoded, "decode", recorded)
    return names


def test_decoded_once(root: Path, decoded: list[str]) -> None:
    first = load(root)
    assert len(decoded) == 10
    again = load(root)
    assert len(decoded) == 10
    for name in ("x_train", "y_train", "x_unlabelled", "x_test", "y_test"):
        assert getattr(first, name).equal(getattr(again, name))


def test_of_jobs_that_start_at_once_one_decodes(root: Path, decoded: list[str]) -> None:
    with ThreadPoolExecutor(4) as pool:
        loaded = list(pool.map(lambda _: load(root).x_train, range(4)))
    assert len(decoded) == 10
    assert all(images.equal(loaded[0]) for images in loaded)


@pytest.mark.parametrize(
    "options",
    [{"channels": 1}, {"resize": "squash"}, {"test": "test2"}, {"image_size": 9}],
    ids=lambda x: next(iter(x)),
)
def test_other_options_are_decoded_anew(root: Path, decoded: list[str], options: dict) -> None:
    load(root)
    shutil.copytree(root / "test", root / "test2")
    shutil.rmtree(root / "test") if "test" in options else shutil.rmtree(root / "test2")
    Folder(path=str(root), **{"image_size": 8, **options}).load()
    assert len(decoded) == 20


def test_changed_files_are_decoded_anew(root: Path, decoded: list[str]) -> None:
    load(root)
    paint(root / "cat" / "a.png", (240, 0, 0))
    os.utime(root / "cat" / "a.png", (1, 1))
    assert load(root).x_train[0, 0].float().mean() == 240
    assert len(decoded) == 20
    (root / "cat" / "a.png").unlink()
    assert len(load(root).x_train) == 4


def test_a_mended_permission_is_noticed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decode = ssgan.data.decoded.decode

    def refused(path: Path, *args: object) -> np.ndarray:
        if path == root / "cat" / "a.png":
            raise ssgan.data.decoded.UnreadableImageError("Permission denied")
        return decode(path, *args)

    monkeypatch.setattr(ssgan.data.decoded, "decode", refused)
    assert "cat/a.png (Permission denied)" in refusal(root)
    monkeypatch.setattr(ssgan.data.decoded, "decode", decode)
    assert colours(load(root).x_train) == [0, 0, 0, 1, 1]


def test_a_damaged_cache_is_rebuilt(root: Path, cache_home: Path, decoded: list[str]) -> None:
    expected = load(root).x_train
    (entry,) = (cache_home / "ssgan" / "folders").glob("*.npz")
    content = entry.read_bytes()
    for damaged in (b"", b"not arrays", content[: len(content) // 2], content[:400] + bytes(99) + content[499:]):
        entry.write_bytes(damaged)
        decoded.clear()
        assert load(root).x_train.equal(expected)
        assert len(decoded) == 10
        assert entry.read_bytes() == content
    assert {*entry.parent.iterdir()} == {entry, entry.with_suffix(".lock")}, "no temporary files remain"


def test_a_cache_that_cannot_be_written(root: Path, cache_home: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache_home.touch()
    with caplog.at_level(logging.WARNING):
        assert len(load(root).x_train) == 5
    assert "not kept for the next run" in caplog.text


def test_an_interrupted_write_leaves_nothing(root: Path, cache_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ssgan.data.decoded.np, "savez", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load(root)
    assert [path.suffix for path in (cache_home / "ssgan" / "folders").iterdir()] == [".lock"]


def test_what_cannot_be_read_is_zeros_and_named_by_its_place(root: Path) -> None:
    files = ["cat/a.png", "cat/bad.png", "dog/a.bmp", "nowhere.png"]
    (root / "cat" / "bad.png").write_text("x")
    for _ in range(2):  # the second time from the cache
        images, failures = decode_files(root, files, 6, 3, "crop")
        assert images.shape == (4, 3, 6, 6) and images.dtype == np.uint8 and sorted(failures) == [1, 3]
        assert failures[1] == "not an image" and "No such file" in failures[3]
        assert not images[1].any() and not images[3].any()
        for i in (0, 2):
            assert np.array_equal(images[i], decode(root / files[i], 6, 3, "crop"))


def test_nothing_is_kept_where_nothing_could_be_read(root: Path, cache_home: Path) -> None:
    assert decode_files(root, ["nowhere.png"], 6, 3, "crop")[1].keys() == {0}
    assert not list((cache_home / "ssgan" / "folders").glob("*.npz"))


@pytest.mark.parametrize("error", [OSError(errno.ENOLCK, "No locks available"), NotImplementedError()])
def test_without_locks_each_decodes_for_itself(
    error: Exception,
    root: Path,
    decoded: list[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def acquire(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.setattr(ssgan.data.decoded.FileLock, "acquire", acquire)
    with caplog.at_level(logging.INFO):
        assert len(load(root).x_train) == 5 and len(decoded) == 10
    assert "decoding images without a lock" in caplog.text


def test_a_lock_that_another_keeps_is_not_waited_for_without_end(
    root: Path,
    cache_home: Path,
    decoded: list[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        load(root)
        assert "another job" not in caplog.text
        (entry,) = (cache_home / "ssgan" / "folders").glob("*.npz")
        entry.unlink()
        monkeypatch.setattr(ssgan.data.decoded, "_PATIENCE", 0.1)
        with FileLock(entry.with_suffix(".lock")):
            assert len(load(root).x_train) == 5
    assert len(decoded) == 20
    assert "waiting for another job" in caplog.text and "decoding images without a lock" in caplog.text


def test_what_is_there_is_read_without_the_lock(root: Path, cache_home: Path, decoded: list[str]) -> None:
    load(root)
    (entry,) = (cache_home / "ssgan" / "folders").glob("*.npz")
    with FileLock(entry.with_suffix(".lock")):
        assert len(load(root).x_train) == 5
    assert len(decoded) == 10
