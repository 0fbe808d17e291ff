"""Virtual batch normalisation as G's normalisation: the layer that it asks for."""

from __future__ import annotations

import pytest
import torch

from ssgan.layers import BatchNorm
from ssgan.tricks import VirtualBatchNorm
from tests.tricks.steps import Step, seeded


@pytest.mark.parametrize(("given", "size"), [(None, 10), (3, 3)])
def test_the_reference_batch_is_as_large_as_a_batch_unless_stated(given, size):
    norm = VirtualBatchNorm(reference_size=given, eps=1e-3).generator_norm(4, 10)
    assert norm.reference_size == size and norm.eps == 1e-3


@pytest.mark.parametrize("architecture", ["mlp", "conv"])
def test_every_hidden_layer_of_g_has_it_and_no_image_depends_on_another(architecture):
    step = Step(architecture, virtual_batch_norm=VirtualBatchNorm(reference_size=3))
    assert not [m for m in step.generator.modules() if isinstance(m, BatchNorm)]
    z = step.generator.draw_z(5, seeded(6))
    whole = step.generator(z)
    torch.testing.assert_close(torch.cat([step.generator(row[None]) for row in z]), whole, rtol=1e-4, atol=1e-5)
