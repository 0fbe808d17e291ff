"""Minibatch discrimination as a head of D: the layer that it asks for."""

from __future__ import annotations

import pytest
import torch

from ssgan.tricks import MinibatchDiscrimination


@pytest.mark.parametrize("include_self", [False, True])
def test_minibatch_options_reach_the_layer(include_self):
    head = MinibatchDiscrimination(kernels=6, dim=2, include_self=include_self).discriminator_head(7, 10)
    head.draw_parameters(torch.Generator().manual_seed(0))
    assert head.out_features == 6 and head.weight.shape == (7, 6, 2)
    assert head(torch.zeros(1, 4, 7))[0, 0, 0].item() == pytest.approx((4 if include_self else 3) - 1)


def test_the_published_minibatch_layer_has_100_kernels_of_5_dimensions_and_leaves_out_the_example():
    options = MinibatchDiscrimination()
    assert (options.kernels, options.dim, options.include_self) == (100, 5, False)


def test_an_image_is_compared_with_as_many_at_inference_as_in_training():
    """The reference is the rest of a minibatch."""
    assert MinibatchDiscrimination(kernels=6, dim=2).discriminator_head(7, 10).reference_size == 9
