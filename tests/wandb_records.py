"""What wandb wrote into the file of an offline run."""

from __future__ import annotations

import json
import struct
import time
from pathlib import Path
from typing import Any


def records(run_dir: Path, patience: float = 60.0) -> list[Any]:
    """What wandb wrote into the file of a run that has ended.

    A process of wandb's own writes it, and may still be at it when the run's has gone on; the exit comes last.
    """
    (file,) = run_dir.glob("wandb/offline-run-*/run-*.wandb")
    until = time.monotonic() + patience
    while True:
        found = parse(file.read_bytes())
        if any(record.WhichOneof("record_type") == "exit" for record in found):
            return found
        assert time.monotonic() < until, f"wandb did not end {file.name}"
        time.sleep(0.1)


def parse(data: bytes) -> list[Any]:
    """The whole records in a run's file: seven bytes of wandb's own, then a log in the format of LevelDB.

    That is blocks of 32 KiB with chunks of a header (checksum, length, kind) and data; a chunk is a whole record (kind
    1), or the first, a middle or the last part of one (2, 3, 4).
    """
    from wandb.proto.wandb_internal_pb2 import Record

    found, part, at = [], b"", 7
    while at + 7 <= len(data):
        left = 32768 - at % 32768
        if left < 7:
            at += left  # no room for a header: the rest of the block is empty
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        if at + 7 + length > len(data):
            break  # not wholly written yet
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
