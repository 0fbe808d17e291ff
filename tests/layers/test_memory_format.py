"""Images channels last: the same values in another order in memory."""

from __future__ import annotations

import torch

from ssgan.layers import channels_last


def test_the_values_stay_and_each_pixels_channels_lie_side_by_side():
    x = torch.arange(2 * 3 * 4 * 5).view(2, 3, 4, 5)
    found = channels_last(x)
    assert torch.equal(found, x) and found.is_contiguous(memory_format=torch.channels_last)
    in_memory = torch.as_strided(found, (found.numel(),), (1,)).tolist()
    assert in_memory == [x[n, c, h, w].item() for n in range(2) for h in range(4) for w in range(5) for c in range(3)]


def test_what_is_in_that_order_already_is_not_copied():
    x = torch.rand(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    assert channels_last(x).data_ptr() == x.data_ptr()


def test_each_member_of_a_stack_is_so_too():
    x = torch.rand(4, 2, 3, 5, 6)
    found = torch.func.vmap(channels_last)(x)
    assert torch.equal(found, x) and all(part.is_contiguous(memory_format=torch.channels_last) for part in found)


def test_convolutions_take_up_the_order_of_a_single_channel_too():
    """For which PyTorch calls an image both in order and channels last."""
    x, kernel = torch.rand(2, 1, 5, 6), torch.rand(8, 1, 3, 3)
    found = channels_last(x)
    assert torch.equal(found, x) and found.data_ptr() == x.data_ptr()
    assert torch.conv2d(found, kernel).is_contiguous(memory_format=torch.channels_last)
