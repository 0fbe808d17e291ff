"""The generator: its z, its normalisation, and the reference that virtual batch normalisation puts before a batch."""

from __future__ import annotations

import pytest
import torch

from ssgan.layers import BatchNorm, VirtualBatchNorm
from tests.networks.small import BATCH, SMALL, VBN, build_g, seeded


def test_z_is_uniform_on_the_unit_interval():
    z = build_g("mlp").draw_z(20_000, seeded())
    assert z.min() >= 0 and z.max() < 1 and z.shape == (20_000, 5)
    assert z.mean().item() == pytest.approx(0.5, abs=0.01) and z.var().item() == pytest.approx(1 / 12, abs=0.002)


@pytest.mark.parametrize("name", SMALL)
def test_virtual_batch_norm_makes_an_image_independent_of_its_batch(name):
    z = torch.rand(BATCH, 5, generator=seeded())
    other = torch.cat([z[:1], torch.rand(3, 5, generator=seeded(7))])
    plain, virtual = build_g(name), build_g(name, tricks=VBN)
    assert sum(isinstance(m, BatchNorm) for m in plain.modules()) == {"mlp": 2, "conv": 3}[name]
    assert sum(isinstance(m, VirtualBatchNorm) for m in virtual.modules()) == {"mlp": 2, "conv": 3}[name]
    torch.testing.assert_close(virtual(other)[0], virtual(z)[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(virtual(z[5:])[0], virtual(z)[5], rtol=1e-4, atol=1e-5)
    assert all((virtual(other)[i] - virtual(z)[i]).abs().max() > 1e-4 for i in (1, 2, 3))
    assert (plain(other)[0] - plain(z)[0]).abs().max() > 1e-4


@pytest.mark.parametrize("name", SMALL)
def test_the_generators_reference_is_saved_and_decides(name):
    saved, loaded = build_g(name, tricks=VBN, seed=0), build_g(name, tricks=VBN, seed=5)
    z = torch.rand(3, 5, generator=seeded())
    assert saved.state_dict()["reference"].shape == (4, 5)
    assert saved.reference.min() >= 0 and saved.reference.max() < 1 and saved.reference.std() > 0.1
    before = saved(z)
    loaded.load_state_dict(saved.state_dict())
    assert torch.equal(loaded(z), before)
    saved.set_reference(seeded(8))
    assert not torch.equal(saved(z), before)
