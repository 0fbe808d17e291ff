"""The user's own images as arrays in an ``.npz`` file."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ssgan.data.options import DataOptions
from ssgan.errors import ConfigError, DataError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from ssgan.data.images import ImageData

_REQUIRED = ("x_train", "y_train", "x_test", "y_test")
_OPTIONAL = ("x_unlabelled", "classes")


@dataclass(kw_only=True)
class Arrays(DataOptions):
    """An ``.npz`` file with ``x_train``, ``y_train``, ``x_test``, ``y_test``, optional ``x_unlabelled``, ``classes``.

    Images are uint8 of shape (N, H, W, C), or (N, H, W) for one channel. Labels are integers 0..K-1 of shape (N,), and
    every class occurs in ``y_train``. ``classes`` holds K strings; without it the classes are called by their labels.
    """

    name: ClassVar[str] = "arrays"
    path: str
    """The file (``~`` is expanded)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.path:
            raise ConfigError("data.path is empty; name an .npz file")

    def load(self) -> ImageData:
        """Read the file; objects that NumPy pickled into it are refused.

        Raises:
            DataError: the file is missing or damaged, an array is missing or not as described.
        """
        import numpy as np

        from ssgan.data.images import ImageData

        path = Path(self.path).expanduser()
        arrays = _read(path)
        try:
            x_train, x_test = (_images(name, arrays[name]) for name in ("x_train", "x_test"))
            y_train, y_test = (_labels(name, arrays[name]) for name in ("y_train", "y_test"))
            found = np.unique(y_train.numpy()).tolist()
            classes = _names(arrays.get("classes", np.arange(len(found))))
            if found != list(range(len(classes))):
                raise DataError(
                    f"y_train must hold each of the labels 0 to {len(classes) - 1}, but holds {_shortened(found)}"
                )
            return ImageData(
                x_train=x_train,
                y_train=y_train,
                x_unlabelled=_images("x_unlabelled", arrays["x_unlabelled"]) if "x_unlabelled" in arrays else None,
                x_test=x_test,
                y_test=y_test,
                classes=classes,
            )
        except DataError as error:
            raise DataError(f"{path}: {error}") from error


def _read(path: Path) -> dict[str, np.ndarray]:
    """The arrays of the file that we know by name."""
    import numpy as np

    if not path.is_file():
        raise DataError(f"{path}: there is no such file; data.path must name an .npz file")
    try:
        with path.open("rb") as opened:
            if not opened.read(6).startswith((b"PK", b"\x93NUMPY")):
                raise DataError(f"{path}: not a readable .npz file; numpy.savez writes one")
        file = np.load(path, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise DataError(f"{path}: this is a single array, not an .npz file (see numpy.savez)")
        with file:
            missing = [name for name in _REQUIRED if name not in file]
            if missing:
                raise DataError(f"{path}: there is no {', '.join(missing)} in it, only {', '.join(file) or 'nothing'}")
            if unknown := [name for name in file if name not in _REQUIRED + _OPTIONAL]:
                raise DataError(
                    f"{path}: there is an array {unknown[0]} in it; those that are read are"
                    f" {', '.join(_REQUIRED + _OPTIONAL)}"
                )
            return {name: _array(path, file, name) for name in _REQUIRED + _OPTIONAL if name in file}
    except MemoryError as error:
        raise DataError(f"{path}: its arrays do not fit into memory ({error})") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path}: not a readable .npz file ({' '.join(str(error).split())})") from error


def _array(path: Path, file: np.lib.npyio.NpzFile, name: str) -> np.ndarray:
    """One array of the file."""
    try:
        return file[name]
    except ValueError as error:
        if "allow_pickle" in str(error):
            raise DataError(f"{path}: {name} holds Python objects; save numbers, or for classes text") from error
        raise ValueError(f"{name}: {error}") from error


def _images(name: str, array: np.ndarray) -> Tensor:
    """Images as a contiguous tensor of shape (N, C, H, W)."""
    import torch

    if array.dtype != "uint8":
        raise DataError(f"{name} must be uint8 (0..255), but is {array.dtype}")
    if array.ndim == 3:
        return torch.from_numpy(array).unsqueeze(1)
    if array.ndim != 4:
        raise DataError(f"{name} must have shape (N, H, W, C) or (N, H, W), but has {array.shape}")
    if array.shape[1] in (1, 3) and array.shape[3] > 4:
        # No image is 1 or 3 pixels high with many channels: taken as it stands, it would train on nonsense.
        raise DataError(f"{name} must have shape (N, H, W, C), but {array.shape} looks like (N, C, H, W)")
    if array.shape[3] not in (1, 3):
        raise DataError(f"{name} must have 1 channel (grey) or 3 (RGB), but has {array.shape[3]}")
    return torch.from_numpy(array).permute(0, 3, 1, 2).contiguous()


def _labels(name: str, array: np.ndarray) -> Tensor:
    import torch

    if array.dtype.kind not in "iu":
        raise DataError(f"{name} must hold integers, but is {array.dtype}")
    if array.ndim != 1:
        raise DataError(f"{name} must have shape (N,), but has {array.shape}")
    return torch.from_numpy(array.astype("int64"))


def _names(array: np.ndarray) -> tuple[str, ...]:
    """The names of the classes."""
    import numpy as np

    if array.ndim != 1:
        raise DataError(f"classes must have shape (K,), but has {array.shape}")
    try:
        return tuple(map(str, np.char.decode(array, "utf-8") if array.dtype.kind == "S" else array))
    except UnicodeDecodeError as error:
        raise DataError(f"classes must be text or UTF-8: {error}") from error


def _shortened(labels: list[int], longest: int = 12) -> str:
    shown = ", ".join(map(str, labels[:longest]))
    return shown + ", ..." if len(labels) > longest else shown
