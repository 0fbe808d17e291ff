"""Images as people have them, made into what a network takes."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from os import PathLike
from typing import Any, NoReturn, TypeAlias

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ssgan.data.decode import UnreadableImageError, decode, to_array
from ssgan.errors import DataError
from ssgan.inference.read_ahead import ImageForm
from ssgan.machine.cores import cpu_count

#: An image of any size and mode: a file's path, or Pillow's.
SingleImage: TypeAlias = "str | PathLike[str] | Image.Image"

#: What :func:`as_pixels` takes.
GivenImages: TypeAlias = "SingleImage | Iterable[SingleImage] | np.ndarray | Tensor"

_CHOICES = (
    "give a path or a PIL image, a list of them, a uint8 array (n, height, width, channels) or (n, height, width),"
    " or a uint8 tensor (n, channels, height, width)"
)


def as_pixels(images: GivenImages, form: ImageForm) -> Tensor:
    """Images as one uint8 tensor ``[n, channels, height, width]``.

    Paths and PIL images, one or many, may have any size and mode and are treated as the files of the training set
    were. Arrays ``(n, height, width, channels)`` or, of one channel, ``(n, height, width)``, and tensors
    ``(n, channels, height, width)`` must have the network's own size.

    Raises:
        DataError: they are something else, of another size, or a file cannot be read.
    """
    if isinstance(images, Tensor):
        if images.dtype != torch.uint8 or images.shape[1:] != form[:3]:
            _refuse(images, form, "n, channels, height, width")
        return images
    if isinstance(images, np.ndarray):
        if images.ndim == 3 and form.channels == 1:
            images = images[:, :, :, None]
        if images.dtype != np.uint8 or images.shape[1:] != (form.height, form.width, form.channels):
            _refuse(images, form, "n, height, width, channels")
        return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
    if isinstance(images, str | PathLike | Image.Image):
        images = [images]
    if not isinstance(images, Iterable):
        raise DataError(f"images must not be of type {type(images).__name__}: {_CHOICES}")
    given = list(images)
    with ThreadPoolExecutor(min(8, cpu_count())) as threads:
        arrays = list(threads.map(lambda image: _single(image, form), given))
    return torch.from_numpy(np.stack(arrays)) if arrays else torch.empty(0, *form[:3], dtype=torch.uint8)


def _refuse(given: np.ndarray | Tensor, form: ImageForm, order: str) -> NoReturn:
    sizes = {"n": "n", "channels": form.channels, "height": form.height, "width": form.width}
    wanted = ", ".join(str(sizes[axis]) for axis in order.split(", "))
    raise DataError(
        f"images must be uint8 of shape ({wanted}), which is ({order}),"
        f" not {str(given.dtype).removeprefix('torch.')} of shape {tuple(given.shape)}; PIL images and paths may have"
        " any size"
    )


def _single(image: Any, form: ImageForm) -> np.ndarray:
    """One path or PIL image as uint8 ``(channels, height, width)``."""
    size = form.height, form.width
    try:
        if isinstance(image, Image.Image):
            return to_array(image, size, form.channels, form.resize)
        if isinstance(image, str | PathLike):
            return decode(image, size, form.channels, form.resize)
    except UnreadableImageError as error:
        name = "image" if isinstance(image, Image.Image) else image
        raise DataError(f"{name}: {error}") from error
    raise DataError(f"images must not be a list with {type(image).__name__} in it: {_CHOICES}")
