"""One image file to one array of uint8, whatever the file's mode, size and orientation."""

from __future__ import annotations

import os
import stat
import warnings
from os import PathLike

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # _check_size refuses, in one line

#: Formats that are read, told by their contents. Of Pillow's others PostScript starts a program.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")

#: EXIF's tag of the orientation, and what brings an image of each upright.
_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class UnreadableImageError(Exception):
    """The file cannot be decoded; the message is a short reason without the file's name."""


def decode(path: str | PathLike[str], size: int | tuple[int, int], channels: int, resize: str) -> np.ndarray:
    """Read an image as uint8 of shape (channels, height, width).

    The first frame is taken, its EXIF orientation applied, transparency laid on white and 16-bit values scaled to 8.

    Args:
        path: the file.
        size: (height, width) of the result in pixels, or its side; shrinking is antialiased.
        channels: 1 (grey) or 3 (RGB).
        resize: "crop" scales the image until it just covers ``size`` and cuts out the centre, "squash" changes the
            aspect ratio.

    Raises:
        UnreadableImageError: the file cannot be decoded.
    """
    height, width = (size, size) if isinstance(size, int) else size
    try:
        if stat.S_ISFIFO(os.stat(path).st_mode):
            raise UnreadableImageError("a pipe")  # which would be waited for
        with Image.open(path, formats=FORMATS) as file:
            # JPEG only: let the decoder shrink by a power of 2, but not below twice the wanted side, so that the
            # antialiased resize below still decides the result. Large photographs are read several times faster.
            file.draft(None, (2 * width, 2 * height))
            _check_size(file)
            return to_array(file, (height, width), channels, resize)
    except UnreadableImageError:
        raise
    except UnidentifiedImageError as error:
        raise UnreadableImageError("not an image") from error
    # A damaged file makes the decoders raise nearly anything: SyntaxError, struct.error, IndexError, OSError, ...
    except Exception as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise UnreadableImageError(" ".join(str(reason).split())) from error


def _check_size(image: Image.Image) -> None:
    """Refuse at Pillow's limit, where it only warns, an image that a small file makes fill the memory.

    It is the size as decoded: a photograph's decoder shrinks it.
    """
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > limit:
        raise UnreadableImageError(f"{image.width}×{image.height} pixels are more than the limit of {limit}")


def to_array(image: Image.Image, size: tuple[int, int], channels: int, resize: str) -> np.ndarray:
    """A Pillow image, treated as :func:`decode` treats a file; ``size`` is (height, width).

    Raises:
        UnreadableImageError: its values have no known range.
    """
    height, width = size
    image = _flattened(_upright(image)).convert("L" if channels == 1 else "RGB")
    if resize == "crop":
        image = ImageOps.fit(image, (width, height), Image.Resampling.BICUBIC)
    else:
        image = image.resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(image).reshape(height, width, channels).transpose(2, 0, 1)


def _upright(image: Image.Image) -> Image.Image:
    """The image as its EXIF orientation says.

    ``ImageOps.exif_transpose`` also writes the EXIF anew, and fails where any other tag is wrong.
    """
    image.load()  # which turns a TIFF, and takes the tag away
    turn = _UPRIGHT.get(image.getexif().get(_ORIENTATION, 1))
    return image if turn is None else image.transpose(turn)


def _flattened(image: Image.Image) -> Image.Image:
    """The image in a mode of 8 bits or fewer without transparency."""
    if image.mode.startswith("I"):
        return _eight_bit(image)
    if image.mode == "F":
        raise UnreadableImageError("floating-point values have no known range")
    if image.has_transparency_data:
        # Straight to RGB, "convert" would drop the transparency and show whatever colour lies hidden under it.
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image


def _eight_bit(image: Image.Image) -> Image.Image:
    """Scale 0..65535 to 0..255. Pillow's own conversion of "I" and "I;16" clips at 255 instead.

    Mode "I" has 32 bits, but the formats that give it (PNG and PGM in some versions of Pillow, TIFF) mean 16.
    """
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise UnreadableImageError("32-bit values have no known range")
    grey = np.rint(values / 257).astype(np.uint8)
    if isinstance(transparent := image.info.get("transparency"), int):  # the value that means so in a PNG
        grey[values == transparent] = 255
    return Image.fromarray(grey)
