"""How a checkpoint gets onto the disk: whole, or not at all."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io import TorchCheckpointIO

from ssgan.atomic_write import atomic_write
from ssgan.errors import ConfigError, SSGANError

#: Of a checkpoint's parts those that hold nothing but tensors and numbers, and nearly all of its bytes.
_TENSORS = ("state_dict", "optimizer_states")


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its place, waits until the disk has it, and moves it there.

    Lightning's own way goes through the system's folder of temporary files. Where that is another file system the move
    is a copy, and whoever is killed in it leaves half a checkpoint and none before it.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Replace the file at ``path``.

        Raises:
            ConfigError: it holds what could not be read again.
            SSGANError: it cannot be written; the one that was there is still whole.
        """
        _check_plain(checkpoint)
        buffer = io.BytesIO()  # torch makes a RuntimeError without a reason of what goes wrong in a file
        torch.save(checkpoint, buffer)
        try:
            with atomic_write(Path(path), durable=True, only_writer=True) as aside:
                aside.write_bytes(buffer.getbuffer())
        except OSError as error:
            raise SSGANError(
                f"{path} could not be written ({error.strerror or error}); the one before it, if there is one, is"
                " whole: mend that and resume with ckpt_path=last"
            ) from error


def _check_plain(checkpoint: dict[str, Any]) -> None:
    """Refuse what :func:`ssgan.run_folder.checkpoint.read_checkpoint` would not read, as it might execute code.

    It comes from callbacks and networks of the user's, which may save anything.
    """
    further = {f"the checkpoint's {key}": value for key, value in checkpoint.items() if key not in _TENSORS}
    networks = checkpoint.get("state_dict", {}).items()
    further |= {f"the state {name}": value for name, value in networks if not isinstance(value, torch.Tensor)}
    if _reason(further) is None:
        return
    callbacks = {f"callbacks: the state of {name}": value for name, value in checkpoint.get("callbacks", {}).items()}
    for place, value in (callbacks | further).items():
        if (reason := _reason(value)) is not None:
            raise ConfigError(
                f"{place} holds {reason}, which could not be read again; save tensors, numbers, texts, lists and"
                " dictionaries"
            )


def _reason(value: Any) -> str | None:
    """The name of what cannot be read again; None if all can."""
    buffer = io.BytesIO()
    try:
        torch.save(value, buffer)
        buffer.seek(0)
        torch.load(buffer, weights_only=True)
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # of whatever cannot be pickled, it is anyone's
        found = re.search(r"GLOBAL (\S+)|([\w.]+\.[\w.]+) was not an allowed global", str(error))
        return (
            (found[1] or found[2])
            if found
            else f"something of which Python says: {(str(error) or repr(error)).splitlines()[0]}"
        )
    return None
