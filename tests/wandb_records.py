"""What wandb wrote into the file of an offline run."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any


def records(run_dir: Path) -> list[Any]:
    """What wandb wrote into the run's file: seven bytes of its own, then a log in the format of LevelDB.

    That is blocks of 32 KiB with chunks of a header (checksum, length, kind) and data; a chunk is a whole record (kind
    1), or the first, a middle or the last part of one (2, 3, 4).
    """
    from wandb.proto.wandb_internal_pb2 import Record

    (file,) = run_dir.glob("wandb/offline-run-*/run-*.wandb")
    data = file.read_bytes()
    found, part, at = [], b"", 7
    while at + 7 <= len(data):
        left = 32768 - at % 32768
        if left < 7:
            at += left  # no room for a header: the rest of the block is empty
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        part += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):
            found.append(Record.FromString(part))
            part = b""
    return found


def of_kind(run_dir: Path, kind: str) -> list[Any]:
    """The records of one kind, such as ``history`` or ``run``."""
    return [getattr(record, kind) for record in records(run_dir) if record.WhichOneof("record_type") == kind]


def values(items: Any) -> dict[str, Any]:
    """A record's entries by name."""
    return {"/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in items}
