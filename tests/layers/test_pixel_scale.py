"""Stored pixels to the networks' range and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ssgan.layers import PixelScale

ALL = torch.arange(256, dtype=torch.uint8)
# (offset, divisor): (lowest, highest) of the published recipes' inputs
SCALES = {(0.0, 255.0): (0.0, 1.0), (127.5, 127.5): (-1.0, 1.0), (127.5, 128.0): (-127.5 / 128, 127.5 / 128)}


@pytest.mark.parametrize(("offset", "divisor"), SCALES)
def test_every_pixel_value_survives_the_round_trip(offset, divisor):
    scale = PixelScale(offset, divisor)
    pixels = ALL.view(4, 1, 8, 8).clone()
    images = scale(pixels)
    assert images.dtype == torch.float32
    expected = (ALL.numpy().astype(np.float64) - offset) / divisor
    np.testing.assert_allclose(images.flatten().numpy(), expected, rtol=1e-6, atol=1e-7)
    back = scale.to_pixels(images)
    assert back.dtype == torch.uint8 and torch.equal(back, pixels)
    assert torch.equal(pixels.flatten(), ALL)


@pytest.mark.parametrize(("offset", "divisor"), SCALES)
def test_range(offset, divisor):
    images = PixelScale(offset, divisor)(ALL)
    assert (images.min().item(), images.max().item()) == pytest.approx(SCALES[offset, divisor])


@pytest.mark.parametrize(("offset", "divisor"), SCALES)
def test_values_between_are_rounded_and_values_outside_clipped(offset, divisor):
    scale = PixelScale(offset, divisor)
    pixels = torch.tensor([-1e6, -0.6, 0.4, 0.6, 100.4, 254.6, 255.4, 300.0, 1e6])
    images = (pixels - offset) / divisor
    before = images.clone()
    assert scale.to_pixels(images).tolist() == [0, 0, 0, 1, 100, 255, 255, 255, 255]
    assert torch.equal(images, before)
