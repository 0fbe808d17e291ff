"""A generator of fixed statistics: each image depends on its z alone, and is the one that a large batch gives."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ssgan.layers import BatchNorm
from ssgan.networks.fixed_statistics import FixedNorm, with_fixed_statistics
from tests.inference.models import untrained

MODELS = {"mlp": ((1, 8, 8), ()), "conv": ((3, 12, 12), ("model=conv",))}


@pytest.mark.parametrize("model", MODELS)
def test_an_image_depends_on_its_z_alone(model: str, tmp_path: Path):
    shape, overrides = MODELS[model]
    generator = untrained(tmp_path, shape, ("a", "b"), *overrides).module.generator
    torch.manual_seed(0)
    z = torch.rand(7, generator.z_dim)
    assert not torch.allclose(generator(z[:3]), generator(z)[:3], atol=1e-3), "in training it depends on the others"
    fixed = with_fixed_statistics(generator)
    assert torch.allclose(fixed(z[:3]), fixed(z)[:3], atol=1e-6)
    assert torch.allclose(fixed(z[:1]), fixed(z)[:1], atol=1e-6)
    near = (fixed(z) - generator(torch.cat([z, torch.rand(5000, generator.z_dim)]))[:7]).abs().mean()
    assert near < 0.35 * (fixed(z) - generator(z)).abs().mean(), "it is the limit of large batches"


def test_the_original_and_the_saved_values_stay(tmp_path: Path):
    generator = untrained(tmp_path).module.generator
    fixed = with_fixed_statistics(generator)
    assert sum(isinstance(layer, BatchNorm) for layer in generator.modules()) == 2
    assert sum(isinstance(layer, FixedNorm) for layer in fixed.modules()) == 2
    assert list(fixed.state_dict()) == list(generator.state_dict())
    z = torch.rand(4, generator.z_dim)
    for parameter in fixed.parameters():
        parameter.data.zero_()
    assert generator(z).std() > 0, "it is a copy"


def test_a_layer_against_the_formula():
    x = torch.randn(50, 3, 4, 4) * 2 + 1
    layer = BatchNorm(3)
    layer.bias.data = torch.tensor([0.0, 1.0, -1.0])
    fixed = FixedNorm(layer, x)
    assert torch.allclose(fixed(x), layer(x), atol=1e-5)
    y = torch.randn(2, 3, 4, 4)
    for channel in range(3):
        seen = x[:, channel]
        expected = (y[:, channel] - seen.mean()) / (seen.var(correction=0) + layer.eps).sqrt() + layer.bias[channel]
        assert torch.allclose(fixed(y)[:, channel], expected, atol=1e-5)


def test_virtual_batch_norm_has_its_reference_already(tmp_path: Path):
    generator = untrained(tmp_path, (1, 8, 8), ("a", "b"), "trick=virtual_batch_norm").module.generator
    z = torch.rand(4, generator.z_dim)
    assert torch.equal(with_fixed_statistics(generator)(z), generator(z))
