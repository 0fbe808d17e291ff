"""Small data sets in the file formats of the real ones: 200 training and 100 test images, 10 balanced classes.

torchvision compares checksums, so reading the fake SVHN and CIFAR-10 needs the fixture ``no_checksums``.
"""

from __future__ import annotations

import pickle
import struct
from pathlib import Path

import numpy as np
import scipy.io

NUM_TRAIN, NUM_TEST, NUM_CLASSES = 200, 100, 10
CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def fake_images(num: int, height: int, width: int, channels: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Noisy copies of one random pattern for each class, which a classifier can learn.

    Returns:
        uint8 images (num, height, width, channels) and their int64 labels (num,), in random order.
    """
    patterns = np.random.RandomState(0).uniform(40, 215, (NUM_CLASSES, height, width, channels))
    random = np.random.RandomState(seed)
    labels = random.permutation(np.arange(num) % NUM_CLASSES)
    images = patterns[labels] + random.normal(0, 15, (num, height, width, channels))
    return np.clip(np.rint(images), 0, 255).astype(np.uint8), labels


def fake_set(height: int, width: int, channels: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Images and labels of "train" and "test"."""
    return {
        "train": fake_images(NUM_TRAIN, height, width, channels, seed=1),
        "test": fake_images(NUM_TEST, height, width, channels, seed=2),
    }


def write_mnist(root: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Write MNIST/raw/*-ubyte (IDX); returns what was written, images being (N, 28, 28, 1)."""
    raw = Path(root) / "MNIST" / "raw"
    raw.mkdir(parents=True)
    data = fake_set(28, 28, 1)
    for part, (images, labels) in data.items():
        prefix = {"train": "train", "test": "t10k"}[part]
        header = struct.pack(">IIII", 0x803, len(images), 28, 28)
        (raw / f"{prefix}-images-idx3-ubyte").write_bytes(header + images.tobytes())
        header = struct.pack(">II", 0x801, len(labels))
        (raw / f"{prefix}-labels-idx1-ubyte").write_bytes(header + labels.astype(np.uint8).tobytes())
    return data


def write_svhn(root: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Write {train,test}_32x32.mat; returns what was written, images being (N, 32, 32, 3) and labels 0..9."""
    root = Path(root)
    root.mkdir(parents=True, exist_ok=True)
    data = fake_set(32, 32, 3)
    for part, (images, labels) in data.items():
        official = np.where(labels == 0, 10, labels).astype(np.uint8)
        scipy.io.savemat(root / f"{part}_32x32.mat", {"X": images.transpose(1, 2, 3, 0), "y": official[:, None]})
    return data


def write_cifar10(root: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Write cifar-10-batches-py/*; returns what was written, images being (N, 32, 32, 3)."""
    folder = Path(root) / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    data = fake_set(32, 32, 3)
    batches = {"test_batch": data["test"]}
    images, labels = data["train"]
    size = NUM_TRAIN // 5
    for i in range(5):
        batches[f"data_batch_{i + 1}"] = images[i * size : (i + 1) * size], labels[i * size : (i + 1) * size]
    for name, (images, labels) in batches.items():
        rows = np.ascontiguousarray(images.transpose(0, 3, 1, 2)).reshape(len(images), -1)
        with open(folder / name, "wb") as file:
            pickle.dump({"data": rows, "labels": labels.tolist()}, file)
    with open(folder / "batches.meta", "wb") as file:
        pickle.dump({"label_names": list(CIFAR10_CLASSES)}, file)
    return data


def write_arrays(path: Path, **changes: np.ndarray | None) -> dict[str, np.ndarray]:
    """Write an .npz of 16x16 RGB images; ``changes`` replace arrays, add them, or leave them out (None)."""
    data = fake_set(16, 16, 3)
    arrays = {f"{xy}_{part}": data[part][i] for part in data for i, xy in enumerate("xy")}
    kept = {name: array for name, array in (arrays | changes).items() if array is not None}
    np.savez(path, **kept)
    return kept
