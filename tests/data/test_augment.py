"""Flips and shifts against a loop over single images."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ssgan.data.augment import augment
from ssgan.errors import ConfigError

C, H, W = 3, 6, 8


def every_variant(image: np.ndarray, flip: bool, shift: int) -> set[bytes]:
    """All results that one image may have, by padding, cropping and flipping."""
    padded = np.pad(image, ((0, 0), (shift, shift), (shift, shift)), mode="reflect")
    crops = [padded[:, i : i + H, j : j + W] for i in range(2 * shift + 1) for j in range(2 * shift + 1)]
    return {np.ascontiguousarray(crop).tobytes() for crop in crops + [crop[:, :, ::-1] for crop in crops * flip]}


@pytest.mark.parametrize(("flip", "shift"), [(True, 0), (False, 2), (True, 2), (False, H - 1)])
def test_every_variant_occurs_and_no_other(flip: bool, shift: int) -> None:
    image = np.random.RandomState(0).randint(0, 256, (C, H, W), dtype=np.uint8)
    batch = torch.from_numpy(image).expand(5000, C, H, W)
    result = augment(batch, flip, shift, torch.Generator().manual_seed(0))
    assert result.dtype == torch.uint8 and result.shape == batch.shape
    found = {example.numpy().tobytes() for example in result}
    assert found == every_variant(image, flip, shift)


def test_examples_differ_and_keep_their_own_pixels() -> None:
    batch = torch.arange(50).view(50, 1, 1, 1).expand(50, C, H, W)
    assert torch.equal(augment(batch, True, 2, torch.Generator().manual_seed(0)), batch)
    ramp = torch.arange(H * W).view(1, 1, H, W).repeat(50, 1, 1, 1)
    assert len({tuple(x.flatten().tolist()) for x in augment(ramp, True, 2, torch.Generator().manual_seed(0))}) > 20


def test_half_of_the_images_are_flipped() -> None:
    batch = torch.tensor([0.0, 1.0]).expand(10000, 1, 2, 2)
    flipped = augment(batch, True, 0, torch.Generator().manual_seed(0))[:, 0, 0, 0]
    assert abs(flipped.mean() - 0.5) < 0.02


def test_the_generator_decides() -> None:
    batch = torch.randint(0, 256, (10, C, H, W), generator=torch.Generator().manual_seed(1))
    first, again, other = (augment(batch, True, 2, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_off_means_untouched() -> None:
    batch, generator = torch.zeros(2, C, H, W), torch.Generator().manual_seed(0)
    before = generator.get_state()
    assert augment(batch, False, 0, generator) is batch
    assert torch.equal(generator.get_state(), before)


def test_too_large_a_shift_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"data\.augment\.shift=6: must be less than the image's side, 6"):
        augment(torch.zeros(1, C, H, W), False, H, torch.Generator())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_no_host_synchronisation() -> None:
    batch = torch.zeros(10, C, H, W, dtype=torch.uint8, device="cuda")
    generator = torch.Generator("cuda").manual_seed(0)
    torch.cuda.set_sync_debug_mode("error")
    try:
        assert augment(batch, True, 2, generator).device.type == "cuda"
    finally:
        torch.cuda.set_sync_debug_mode("default")
