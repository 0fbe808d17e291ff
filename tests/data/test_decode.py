"""Image files of every mode against what they show."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from ssgan.data.decode import UnreadableImageError, decode, to_array

GREY_RAMP = np.tile(np.arange(0, 256, 16, dtype=np.uint8), (16, 1))
COLOURS = np.random.RandomState(0).randint(0, 256, (16, 16, 3), dtype=np.uint8)


def saved(image: Image.Image, path: Path, **options: object) -> Path:
    image.save(path, **options)
    return path


def luma(colours: np.ndarray) -> np.ndarray:
    """ITU-R 601, as Pillow's "L"."""
    return np.rint(colours @ np.array([0.299, 0.587, 0.114]))


def test_colour(tmp_path: Path) -> None:
    path = saved(Image.fromarray(COLOURS), tmp_path / "x.png")
    result = decode(path, 16, 3, "crop")
    assert result.dtype == np.uint8 and np.array_equal(result, COLOURS.transpose(2, 0, 1))
    assert np.abs(decode(path, 16, 1, "crop")[0] - luma(COLOURS)).max() <= 1


@pytest.mark.parametrize("resize", ["crop", "squash"])
def test_grey(tmp_path: Path, resize: str) -> None:
    path = saved(Image.fromarray(GREY_RAMP), tmp_path / "x.png")
    assert np.array_equal(decode(path, 16, 1, resize)[0], GREY_RAMP)
    assert np.array_equal(decode(path, 16, 3, resize), np.stack([GREY_RAMP] * 3))


@pytest.mark.parametrize("name", ["x.png", "x.tif", "x.pgm"])
def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path, name: str) -> None:
    values = GREY_RAMP.astype(np.uint16) * 257
    if name.endswith(".pgm"):
        (tmp_path / name).write_bytes(b"P5 16 16 65535\n" + values.astype(">u2").tobytes())
    else:
        Image.fromarray(values).save(tmp_path / name)
    assert np.array_equal(decode(tmp_path / name, 16, 1, "crop")[0], GREY_RAMP)


def test_thirty_two_bits_hold_sixteen_or_are_refused(tmp_path: Path) -> None:
    values = GREY_RAMP.astype(np.int32) * 257
    path = saved(Image.fromarray(values), tmp_path / "x.tif")
    assert np.array_equal(decode(path, 16, 3, "crop")[1], GREY_RAMP)
    path = saved(Image.fromarray(values * 2), tmp_path / "wide.tif")
    with pytest.raises(UnreadableImageError, match="no known range"):
        decode(path, 16, 1, "crop")
    path = saved(Image.fromarray(values.astype(np.float32)), tmp_path / "float.tif")
    with pytest.raises(UnreadableImageError, match="no known range"):
        decode(path, 16, 1, "crop")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_wrong_tag_beside_the_orientation_does_not_matter(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(Image.fromarray(COLOURS), tmp_path / "x.png", exif=exif)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(path))).transpose(2, 0, 1)
    exif[0x0100] = 16  # ImageWidth, a whole number; made text below
    whole = exif.tobytes()
    entry = struct.pack("<HHI", 0x0100, 4, 1)
    if entry not in whole:
        entry = struct.pack(">HHI", 0x0100, 4, 1)
    kind = struct.pack("<H" if entry[0] == 0 else ">H", 2)
    wrong = whole.replace(entry, entry[:2] + kind + entry[4:])
    assert wrong != whole
    path = saved(Image.fromarray(COLOURS), tmp_path / "wrong.png", exif=wrong)
    assert np.array_equal(decode(path, 16, 3, "crop"), upright)


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "tif", "lzw.tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_format_is_turned_once(tmp_path: Path, ending: str, orientation: int) -> None:
    """A quadrant each of red, green, blue and black, in an image stored so that its tag brings it upright."""
    quadrants = np.zeros((64, 48, 3), np.uint8)
    quadrants[:32, :24], quadrants[:32, 24:], quadrants[32:, :24] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    stored = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: a.transpose(1, 0, 2)[::-1],  # the tag turns it to the right
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: a.transpose(1, 0, 2)[:, ::-1],
    }[orientation](quadrants)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"compression": "tiff_lzw"} if ending == "lzw.tif" else {}
    path = saved(Image.fromarray(np.ascontiguousarray(stored)), tmp_path / f"x.{ending}", exif=exif, **options)
    shown = decode(path, 16, 3, "squash")
    corners = [shown[:, y, x] > 128 for y in (3, 12) for x in (3, 12)]
    red, green, blue, black = [True, False, False], [False, True, False], [False, False, True], [False] * 3
    assert [corner.tolist() for corner in corners] == [red, green, blue, black]


def test_a_photograph_of_more_pixels_than_the_limit_is_shrunk_as_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 400 * 300)
    large = Image.new("RGB", (480, 360), (200, 40, 40))
    assert decode(saved(large, tmp_path / "x.jpg"), 32, 3, "crop").shape == (3, 32, 32)
    with pytest.raises(UnreadableImageError, match="480×360 pixels are more than the limit of 120000"):
        decode(saved(large, tmp_path / "x.png"), 32, 3, "crop")


def test_postscript_is_no_image_whatever_it_is_called(tmp_path: Path) -> None:
    path = tmp_path / "holiday.jpg"
    path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n%%EndComments\nshowpage\n%%EOF\n")
    with pytest.raises(UnreadableImageError, match="not an image"):
        decode(path, 16, 3, "crop")


def test_one_bit(tmp_path: Path) -> None:
    path = saved(Image.fromarray(GREY_RAMP > 100), tmp_path / "x.png")
    assert np.array_equal(decode(path, 16, 1, "crop")[0], (GREY_RAMP > 100) * 255)


def test_palette(tmp_path: Path) -> None:
    image = Image.fromarray(GREY_RAMP // 16, "L").convert("P")
    image.putpalette(COLOURS.reshape(-1, 3)[:16].tobytes())
    expected = COLOURS.reshape(-1, 3)[:16][GREY_RAMP // 16].transpose(2, 0, 1)
    assert np.array_equal(decode(saved(image, tmp_path / "x.png"), 16, 3, "crop"), expected)
    path = saved(image, tmp_path / "seen-through.png", transparency=3)
    expected[:, GREY_RAMP // 16 == 3] = 255
    assert np.array_equal(decode(path, 16, 3, "crop"), expected)


def test_transparency_is_laid_on_white(tmp_path: Path) -> None:
    alpha = GREY_RAMP[:, :, None]
    expected = (COLOURS * (alpha / 255) + 255 * (1 - alpha / 255)).transpose(2, 0, 1)
    path = saved(Image.fromarray(np.concatenate([COLOURS, alpha], 2), "RGBA"), tmp_path / "rgba.png")
    assert np.abs(decode(path, 16, 3, "crop") - expected).max() <= 1
    grey = COLOURS[:, :, :1]
    expected = (grey * (alpha / 255) + 255 * (1 - alpha / 255))[:, :, 0]
    path = saved(Image.fromarray(np.concatenate([grey, alpha], 2), "LA"), tmp_path / "la.png")
    assert np.abs(decode(path, 16, 1, "crop")[0] - expected).max() <= 1
    grey = GREY_RAMP.astype(np.uint16) * 257
    path = saved(Image.fromarray(grey), tmp_path / "sixteen.png", transparency=48 * 257)
    assert np.array_equal(decode(path, 16, 1, "crop")[0], np.where(GREY_RAMP == 48, 255, GREY_RAMP))


def test_cmyk(tmp_path: Path) -> None:
    red = Image.new("RGB", (32, 32), (255, 0, 0)).convert("CMYK")
    result = decode(saved(red, tmp_path / "x.jpg", quality=95), 8, 3, "crop")
    assert np.abs(result - np.array([255, 0, 0])[:, None, None]).max() <= 4


def test_orientation(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    path = saved(Image.fromarray(COLOURS), tmp_path / "x.png", exif=exif)
    assert np.array_equal(decode(path, 16, 3, "crop"), np.rot90(COLOURS, -1).transpose(2, 0, 1))


def test_crop_cuts_the_centre_and_squash_keeps_all(tmp_path: Path) -> None:
    wide = np.zeros((16, 48), np.uint8)
    wide[:, 12:36] = 255  # the centre 16:32, and what the filter sees beside it
    path = saved(Image.fromarray(wide), tmp_path / "x.png")
    assert (decode(path, 8, 1, "crop") == 255).all()
    squashed = decode(path, 12, 1, "squash")[0]
    assert (squashed[:, :2] < 30).all() and (squashed[:, 4:8] > 225).all() and (squashed[:, -2:] < 30).all()


@pytest.mark.parametrize("resize", ["crop", "squash"])
def test_height_and_width_may_differ(tmp_path: Path, resize: str) -> None:
    path = saved(Image.fromarray(COLOURS[:8]), tmp_path / "x.png")
    assert np.array_equal(decode(path, (8, 16), 3, resize), COLOURS[:8].transpose(2, 0, 1))
    tall = decode(path, (16, 8), 3, resize)
    assert tall.shape == (3, 16, 8)
    middle = Image.fromarray(COLOURS[:8, 6:10] if resize == "crop" else COLOURS[:8])
    expected = np.asarray(middle.resize((8, 16), Image.Resampling.BICUBIC)).transpose(2, 0, 1)
    assert np.abs(tall[:, :, 3:5].astype(int) - expected[:, :, 3:5]).max() <= 2


def test_a_pillow_image_is_treated_as_its_file(tmp_path: Path) -> None:
    alpha = np.concatenate([COLOURS, GREY_RAMP[:, :, None]], 2)
    for image in (Image.fromarray(alpha, "RGBA"), Image.fromarray(GREY_RAMP.astype(np.uint16) * 257)):
        path = saved(image, tmp_path / "x.png")
        assert np.array_equal(to_array(image, (12, 12), 3, "crop"), decode(path, 12, 3, "crop"))


@pytest.mark.parametrize("name", ["x.png", "x.jpg"])
def test_shrinking_is_antialiased(tmp_path: Path, name: str) -> None:
    chequered = (np.indices((256, 512)).sum(0) % 2 * 255).astype(np.uint8)
    path = saved(Image.fromarray(chequered), tmp_path / name)
    result = decode(path, 16, 1, "squash").astype(int)
    assert np.abs(result - 127).max() <= 3, "a fine chequered pattern is grey from afar"


def test_jpeg_shrunk_while_decoding_is_the_same_image(tmp_path: Path) -> None:
    smooth = Image.fromarray(COLOURS).resize((800, 600), Image.Resampling.BICUBIC)
    path = saved(smooth, tmp_path / "x.jpg", quality=95)
    full = np.asarray(Image.open(path).convert("RGB").resize((32, 32), Image.Resampling.BICUBIC)).transpose(2, 0, 1)
    assert np.abs(decode(path, 32, 3, "squash").astype(int) - full).max() <= 4


def test_damaged_files(tmp_path: Path) -> None:
    path = saved(Image.fromarray(COLOURS), tmp_path / "x.png")
    (tmp_path / "cut.png").write_bytes(path.read_bytes()[:300])
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "link.png").symlink_to(tmp_path / "nowhere.png")
    for name, reason in (("cut", "."), ("text", "not an image"), ("empty", "not an image"), ("link", "No such file")):
        path = next(tmp_path.glob(f"{name}.*"))
        with pytest.raises(UnreadableImageError, match=reason) as error:
            decode(path, 16, 3, "crop")
        assert "\n" not in str(error.value) and str(tmp_path) not in str(error.value)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(UnreadableImageError, match="a pipe"):
        decode(tmp_path / "pipe.png", 8, 3, "crop")
