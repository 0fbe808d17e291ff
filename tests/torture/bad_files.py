"""Damaged files: cut off, emptied, exchanged, with bytes changed or put in. Each is read all the same, or is one line.

python -m tests.torture.bad_files [--cases 200] [--seed 1]

A byte in the middle of pixels is no damage that a reader could see, so a file that is still read is no fault; an error
that is not the project's own, or has more than one line, is.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import torchvision.datasets
from PIL import Image

from ssgan.data import MNIST, Arrays, Folder, Table
from ssgan.errors import SSGANError
from ssgan.run_folder.checkpoint import read_checkpoint
from tests.fake_data import fake_images, write_arrays, write_mnist
from tests.runs import TINY, train


def cut(data: bytes, rng: random.Random) -> bytes:
    """Cut off at some byte."""
    return data[: rng.randrange(len(data))]


def changed(data: bytes, rng: random.Random) -> bytes:
    """Some bytes are others, near the beginning, where a format says what follows, or anywhere."""
    result = bytearray(data)
    for _ in range(rng.choice([1, 4, 64])):
        result[rng.randrange(min(len(result), rng.choice([64, 4096, 10**9])))] = rng.randrange(256)
    return bytes(result)


def inserted(data: bytes, rng: random.Random) -> bytes:
    """Further bytes in the middle."""
    at = rng.randrange(len(data))
    return data[:at] + rng.randbytes(rng.choice([1, 16, 1000])) + data[at:]


DAMAGES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "cut off": cut,
    "bytes changed": changed,
    "bytes put in": inserted,
    "empty": lambda data, rng: b"",
    "noise": lambda data, rng: rng.randbytes(len(data)),
    "text": lambda data, rng: b"<html><body>404 Not Found</body></html>",
}


def make_sources(folder: Path) -> dict[str, tuple[Path, Callable[[Path], object]]]:
    """Good files of each kind: where they are, and how they are read."""
    write_arrays(_made(folder / "arrays") / "mine.npz")
    write_mnist(folder / "mnist")
    train(folder / "run", *TINY, "trainer.max_iterations=1")
    shutil.copytree(folder / "run" / "checkpoints", folder / "checkpoint")
    lines = []
    for part, seed in (("", 1), ("test/", 2)):
        images, labels = fake_images(20, 16, 16, 3, seed)
        for i, (image, label) in enumerate(zip(images, labels % 2, strict=True)):
            ending = ("png", "jpg", "gif", "tiff", "webp", "bmp")[i % 6]
            name = f"{part}{'cat' if label else 'dog'}/{i}.{ending}"
            for source in ("folder", "table"):
                Image.fromarray(image).save(_made((folder / source / name).parent) / f"{i}.{ending}")
            lines.append(f"{name},{'cat' if label else 'dog'},{part and 'test'}")
    (folder / "table" / "labels.csv").write_text("\n".join(["file,label,split", *lines]))
    return {
        "arrays": (folder / "arrays", lambda place: Arrays(path=str(place / "mine.npz")).load()),
        "mnist": (folder / "mnist", lambda place: MNIST(root=str(place)).load()),
        "folder": (folder / "folder", lambda place: Folder(path=str(place), image_size=8).load()),
        "table": (folder / "table", lambda place: Table(path=str(place), image_size=8).load()),
        "checkpoint": (folder / "checkpoint", lambda place: read_checkpoint(str(place / "last.ckpt"))),
    }


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def damage(place: Path, rng: random.Random) -> str:
    """Damage a file of a folder, or exchange two; say what was done."""
    files = sorted(path for path in place.rglob("*") if path.is_file())
    if len(files) > 1 and rng.random() < 0.15:
        one, other = rng.sample(files, 2)
        first, second = one.read_bytes(), other.read_bytes()
        one.write_bytes(second)
        other.write_bytes(first)
        return f"{one.name} and {other.name} exchanged"
    file, kind = rng.choice(files), rng.choice(list(DAMAGES))
    file.write_bytes(DAMAGES[kind](file.read_bytes(), rng))
    return f"{file.name} {kind}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torchvision.datasets.MNIST.mirrors = ["http://127.0.0.1:9/"]  # nobody listens: no damaged file is loaded anew
    rng = random.Random(options.seed)
    root = Path(tempfile.mkdtemp(prefix="files-"))
    sources = make_sources(root / "good")
    came: Counter[str] = Counter()
    wrong = 0
    for i in range(options.cases):
        kind = rng.choice(list(sources))
        good, read = sources[kind]
        place = root / "bad"
        shutil.copytree(good, place)
        what, began = damage(place, rng), time.monotonic()
        try:
            read(place)
            came[f"{kind}: read"] += 1
        except SSGANError as error:
            came[f"{kind}: refused"] += 1
            if "\n" in str(error) or str(root) not in str(error):
                wrong += 1
                print(f"case {i}, {kind}, {what}: {error!r}")
        except Exception as error:
            wrong += 1
            print(f"case {i}, {kind}, {what}: {type(error).__name__}: {error}")
        if time.monotonic() - began > 30:
            wrong += 1
            print(f"case {i}, {kind}, {what}: took {time.monotonic() - began:.0f} s")
        shutil.rmtree(place)
    shutil.rmtree(root)
    print(json.dumps({"cases": options.cases, "wrong": wrong, **dict(sorted(came.items()))}))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
