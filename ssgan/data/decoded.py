"""Many image files to one array, decoded once and kept in the user's cache folder."""

from __future__ import annotations

import hashlib
import json
import logging
import zipfile
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from rich.console import Console
from rich.progress import Progress

from ssgan.atomic_write import atomic_write
from ssgan.data.decode import UnreadableImageError, decode
from ssgan.data.options import cache_dir
from ssgan.machine.cores import cpu_count

log = logging.getLogger(__name__)

# Part of every cache entry's name: raise it when decoding changes, so that old entries are left behind.
_VERSION = 3
_THREADS = min(8, cpu_count())

# Seconds to wait for another job's images; some file systems never give a lock.
_PATIENCE = 600.0


def decode_files(
    root: Path, files: Sequence[str], size: int, channels: int, resize: str
) -> tuple[np.ndarray, dict[int, str]]:
    """Decode ``root / file`` for every file, or take the result of an earlier call from the cache.

    An entry of the cache belongs to the files' names, sizes and times of modification and to the other arguments. It
    says which files could be read; the others are tried anew in every call, since what was in the way (permissions, a
    disk that was away) need not have changed the file. Of jobs that need the same entry at once, one decodes.

    Args:
        root: absolute folder.
        files: paths relative to it.
        size: see :func:`ssgan.data.decode.decode`, as for the other two.
        channels: 1 or 3.
        resize: "crop" or "squash".

    Returns:
        images: uint8, shape (len(files), channels, size, size); zeros where a file could not be read.
        failures: the reason, by index, of each file that could not be read.
    """
    entry = cache_dir() / "folders" / f"{_fingerprint(root, files, size, channels, resize)}.npz"
    shape = (len(files), channels, size, size)
    images, readable = _read_entry(entry, shape)
    if readable.all():
        return images, {}
    read = partial(_decode_or_reason, size=size, channels=channels, resize=resize)
    with _locked(entry):
        return _complete(entry, shape, [root / file for file in files], read)


def _complete(
    entry: Path, shape: tuple[int, ...], paths: Sequence[Path], read: Callable[[Path], np.ndarray | str]
) -> tuple[np.ndarray, dict[int, str]]:
    """Read what an entry of the cache does not have, and write it there."""
    images, readable = _read_entry(entry, shape)  # another job may have written it
    todo = np.flatnonzero(~readable).tolist()
    failures: dict[int, str] = {}
    # Threads are enough: Pillow gives up the interpreter's lock while it decodes and resizes.
    console = Console(stderr=True)
    with (
        Progress(console=console, transient=True, disable=not console.is_terminal) as progress,  # else an empty line
        ThreadPoolExecutor(_THREADS) as pool,
    ):
        results = pool.map(read, [paths[i] for i in todo])
        shown = progress.track(results, total=len(todo), description="Decoding images")
        for i, result in zip(todo, shown, strict=True):
            if isinstance(result, str):
                failures[i] = result
            else:
                images[i], readable[i] = result, True
    if len(failures) < len(todo):
        _write_entry(entry, images, readable)
    return images, failures


def _locked(entry: Path) -> AbstractContextManager[object]:
    """Keep other jobs from the entry meanwhile; where no lock can be had in time, each decodes for itself.

    That is more work and does no harm, as an entry is written whole; so it is told and goes on.
    """
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(entry.with_suffix(".lock"))
        with suppress(Timeout):
            return lock.acquire(blocking=False)
        log.info("waiting for another job that decodes the same images")
        return lock.acquire(_PATIENCE)
    except (OSError, NotImplementedError) as error:
        log.info("decoding images without a lock on the cache: %s", error or "there are none here")
        return nullcontext()


def _decode_or_reason(path: Path, size: int, channels: int, resize: str) -> np.ndarray | str:
    try:
        return decode(path, size, channels, resize)
    except UnreadableImageError as error:
        return str(error)


def _fingerprint(root: Path, files: Sequence[str], *options: object) -> str:
    """Name of the cache entry of these files in their present state."""
    digest = hashlib.sha256(json.dumps([_VERSION, str(root), options]).encode())
    for file in files:
        try:
            state = (root / file).stat()
            size, modified = state.st_size, state.st_mtime_ns
        except OSError:  # such as a link to nowhere, which decoding will report
            size, modified = -1, -1
        digest.update(f"\0{file}\0{size}\0{modified}".encode(errors="surrogateescape"))
    return digest.hexdigest()[:32]


def _read_entry(path: Path, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Images and mask of readable files; of none if there is no such entry or it is damaged."""
    nothing = np.zeros(shape, np.uint8), np.zeros(shape[:1], np.bool_)
    try:
        with np.load(path, allow_pickle=False) as entry:
            images, readable = entry["images"], entry["readable"]
    except FileNotFoundError:
        return nothing
    except (OSError, ValueError, LookupError, EOFError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        log.warning("rebuilding the damaged cache entry %s (%s)", path, error)
        with suppress(OSError):
            path.unlink()  # it is looked for once more, and would be told once more
        return nothing
    return (images, readable) if images.shape == shape and readable.shape == shape[:1] else nothing


def _write_entry(path: Path, images: np.ndarray, readable: np.ndarray) -> None:
    """Write an entry of which jobs that share the cache never see half."""
    try:
        with atomic_write(path) as aside:
            np.savez(aside, images=images, readable=readable)
    except OSError as error:
        log.warning("decoded images are not kept for the next run: %s", error)
