"""A run's folder belongs to one run, and to one process at a time."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ssgan.errors import ConfigError
from ssgan.machine.processes import first_process
from ssgan.run_folder.checkpoint import find_checkpoint, last_checkpoint

log = logging.getLogger(__name__)

#: What the operating system says where a file system has no locks.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)


def check_unused(run_dir: str, ckpt_path: str | None = None) -> None:
    """Refuse to begin a run where another one lies, unless from its checkpoint: it would lose what is there.

    Raises:
        ConfigError: says how to go on with it, and how to begin another.
    """
    checkpoint = find_checkpoint(ckpt_path, run_dir)
    if checkpoint is not None and Path(checkpoint).resolve().is_relative_to(Path(run_dir).resolve()):
        return
    for path in (Path(run_dir, "result.json"), last_checkpoint(run_dir)):
        if path.is_file():
            raise ConfigError(
                f"{path} is of another run: ckpt_path=last goes on with it; for a new run name another hydra.run.dir,"
                " or delete this one"
            )


@contextmanager
def occupied(run_dir: str) -> Iterator[None]:
    """Keep other runs from training in the folder meanwhile; the operating system ends that with the process.

    The further processes of a run do nothing, for they belong to the first.

    Raises:
        ConfigError: another one does.
        OSError: the folder cannot be written.
    """
    if not first_process():
        yield
        return
    path = Path(run_dir, ".running")
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise ConfigError(f"{run_dir}: another process is training there; name another folder") from error
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_LOCKS:
            raise
        log.warning("%s: the file system has no locks, so nothing keeps a second run out of the folder", run_dir)
    try:
        yield
    finally:
        if lock.is_locked:
            path.unlink(missing_ok=True)  # while it is ours
            lock.release()
