"""How a checkpoint gets onto the disk: whole, or not at all."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io import TorchCheckpointIO

from ssgan.atomic_write import atomic_write
from ssgan.errors import SSGANError


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its place, waits until the disk has it, and moves it there.

    Lightning's own way goes through the system's folder of temporary files. Where that is another file system the move
    is a copy, and whoever is killed in it leaves half a checkpoint and none before it.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Replace the file at ``path``.

        Raises:
            SSGANError: it cannot be written; the one that was there is still whole.
        """
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
