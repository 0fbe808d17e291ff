"""Flips and shifts against all crops of a padded image; rotations and changes of size against a loop over pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ssgan.augmentation import Augmentation
from ssgan.augmentation.moves import Moves, augment, draw_moves, moved
from ssgan.errors import ConfigError
from tests.augmentation.pixel_by_pixel import moved_image

C, H, W = 3, 6, 8
BOTH = Augmentation(flip=True, shift=2)
ALL = Augmentation(flip=True, shift=2, rotate=30, scale=0.3, shear=20)


def every_variant(image: np.ndarray, flip: bool, shift: int) -> set[bytes]:
    """All results that one image may have, by padding, cropping and flipping."""
    padded = np.pad(image, ((0, 0), (shift, shift), (shift, shift)), mode="reflect")
    crops = [padded[:, i : i + H, j : j + W] for i in range(2 * shift + 1) for j in range(2 * shift + 1)]
    return {np.ascontiguousarray(crop).tobytes() for crop in crops + [crop[:, :, ::-1] for crop in crops * flip]}


@pytest.mark.parametrize(("flip", "shift"), [(True, 0), (False, 2), (True, 2), (False, H - 1)])
def test_every_variant_occurs_and_no_other(flip: bool, shift: int) -> None:
    image = np.random.RandomState(0).randint(0, 256, (C, H, W), dtype=np.uint8)
    batch = torch.from_numpy(image).expand(5000, C, H, W)
    result = augment(batch, Augmentation(flip=flip, shift=shift), torch.Generator().manual_seed(0))
    assert result.dtype == torch.uint8 and result.shape == batch.shape
    found = {example.numpy().tobytes() for example in result}
    assert found == every_variant(image, flip, shift)


def test_examples_differ_and_keep_their_own_pixels() -> None:
    batch = torch.arange(50).view(50, 1, 1, 1).expand(50, C, H, W)
    assert torch.equal(augment(batch, BOTH, torch.Generator().manual_seed(0)), batch)
    ramp = torch.arange(H * W).view(1, 1, H, W).repeat(50, 1, 1, 1)
    assert len({tuple(x.flatten().tolist()) for x in augment(ramp, BOTH, torch.Generator().manual_seed(0))}) > 20


def test_half_of_the_images_are_flipped() -> None:
    batch = torch.tensor([0.0, 1.0]).expand(10000, 1, 2, 2)
    flipped = augment(batch, Augmentation(flip=True), torch.Generator().manual_seed(0))[:, 0, 0, 0]
    assert abs(flipped.mean() - 0.5) < 0.02


def test_the_generator_decides() -> None:
    batch = torch.randint(0, 256, (10, C, H, W), generator=torch.Generator().manual_seed(1))
    first, again, other = (augment(batch, BOTH, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4))
    assert torch.equal(first, again) and not torch.equal(first, other)


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_pixels_land_where_they_do_without_autocast(precision: torch.dtype) -> None:
    batch = torch.rand(10, C, H, W, generator=torch.Generator().manual_seed(1))
    expected = augment(batch, ALL, torch.Generator().manual_seed(3))
    with torch.autocast("cpu", precision):
        assert torch.equal(augment(batch, ALL, torch.Generator().manual_seed(3)), expected)


def test_off_means_untouched() -> None:
    batch, generator = torch.zeros(2, C, H, W), torch.Generator().manual_seed(0)
    before = generator.get_state()
    assert augment(batch, Augmentation(), generator) is batch
    assert torch.equal(generator.get_state(), before)


def test_too_large_a_shift_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"data\.augment\.shift=6: must be less than the image's side, 6"):
        augment(torch.zeros(1, C, H, W), Augmentation(shift=H), torch.Generator())


@pytest.mark.parametrize(
    "options", [Augmentation(rotate=180), Augmentation(scale=0.9), Augmentation(shear=45), ALL], ids=str
)
def test_rotations_and_sizes_pixel_by_pixel(options: Augmentation) -> None:
    images = torch.rand(12, C, H, W, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    moves = draw_moves(images.shape, options, torch.Generator().manual_seed(0))
    result = moved(images, options, moves)
    for i, image in enumerate(images.numpy()):
        expected = moved_image(image, *(values[i] for values in moves))
        np.testing.assert_allclose(result[i].numpy(), expected, atol=2e-5)
    whole = (images * 255).round().to(torch.uint8)
    rounded = moved(whole, options, moves)
    assert rounded.dtype == torch.uint8
    torch.testing.assert_close(rounded.float(), moved(whole.float(), options, moves), atol=0.501, rtol=0)


def test_a_quarter_turn_is_counter_clockwise() -> None:
    image = torch.rand(1, 2, 7, 7, generator=torch.Generator().manual_seed(0))
    quarter = Moves(
        torch.zeros(1, 2),
        torch.zeros(1, 1, dtype=bool),
        torch.tensor([[math.pi / 2]]),
        torch.ones(1, 1),
        torch.zeros(1, 1),
    )
    turned = moved(image, Augmentation(rotate=90), quarter)
    np.testing.assert_allclose(turned[0].numpy(), np.rot90(image[0].numpy(), axes=(1, 2)), atol=1e-5)


def test_without_a_turn_or_a_new_size_it_is_the_shifted_image() -> None:
    images = torch.rand(20, C, H, W, generator=torch.Generator().manual_seed(0))
    moves = draw_moves(images.shape, BOTH, torch.Generator().manual_seed(0))
    torch.testing.assert_close(moved(images, ALL, moves), moved(images, BOTH, moves), atol=1e-5, rtol=1e-5)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("options", [BOTH, ALL], ids=str)
def test_members_of_an_ensemble_move_their_images_in_one_computation(options: Augmentation) -> None:
    """PyTorch warns where ``vmap`` has to call an operation once for each member."""
    images = torch.rand(3, 10, C, H, W, generator=torch.Generator().manual_seed(0))
    moves = draw_moves((30, C, H, W), options, torch.Generator().manual_seed(0))
    members = Moves(*(values.unflatten(0, (3, 10)) for values in moves))
    stacked = torch.func.vmap(lambda batch, *own: moved(batch, options, Moves(*own)))(images, *members)
    for found, batch, own in zip(stacked, images, zip(*members, strict=True), strict=True):
        torch.testing.assert_close(found, moved(batch, options, Moves(*own)))


def test_turns_sizes_and_slants_fill_their_ranges_evenly() -> None:
    moves = draw_moves((20000, C, H, W), ALL, torch.Generator().manual_seed(0))
    for values, low, high in (
        (moves.angles.rad2deg(), -30, 30),
        (moves.factors, 0.7, 1.3),
        (moves.slants.atan().rad2deg(), -20, 20),
    ):
        counts = torch.histc(values, 10, low, high)
        assert counts.sum() == 20000 and (counts - 2000).abs().max() < 250


def test_rotations_leave_the_draws_of_shifts_as_they_are() -> None:
    shifted, all_moves = (draw_moves((9, C, H, W), o, torch.Generator().manual_seed(0)) for o in (BOTH, ALL))
    assert torch.equal(shifted.offsets, all_moves.offsets) and torch.equal(shifted.mirrored, all_moves.mirrored)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("options", [BOTH, ALL], ids=str)
def test_no_host_synchronisation(options: Augmentation) -> None:
    batch = torch.zeros(10, C, H, W, dtype=torch.uint8, device="cuda")
    generator = torch.Generator("cuda").manual_seed(0)
    torch.cuda.set_sync_debug_mode("error")
    try:
        assert augment(batch, options, generator).device.type == "cuda"
    finally:
        torch.cuda.set_sync_debug_mode("default")
