"""Architectures: both players for images of all sizes and any batch, and sizes of layers that are refused."""

from __future__ import annotations

import pytest
import torch

from ssgan.errors import ConfigError
from ssgan.networks import MLP, Conv
from tests.networks.small import BATCH, HEAD, SMALL, VBN, K, build_d, build_g, seeded

SHAPES = {
    "digits": (1, 8, 8),
    "mnist": (1, 28, 28),
    "svhn": (3, 32, 32),
    "odd": (3, 30, 45),
    "smallest": (2, 9, 9),
    "narrow": (1, 9, 31),
}
FITTING = [(m, s) for m in SMALL for s in SHAPES if not (m == "conv" and s == "digits")]


@pytest.mark.parametrize(("name", "size"), FITTING)
@pytest.mark.parametrize("tricks", [{}, HEAD | VBN], ids=["plain", "head and vbn"])
def test_shapes_and_ranges(name, size, tricks):
    shape = SHAPES[size]
    generator, discriminator = build_g(name, shape, tricks), build_d(name, shape, tricks)
    with torch.no_grad():
        fake = generator(generator.draw_z(BATCH, seeded()))
        output = discriminator(fake, discriminator.draw_noise(BATCH, seeded()))
        inference = discriminator(fake)
    assert fake.shape == (BATCH, *shape) and fake.dtype == torch.float32
    low = {"mlp": 0, "conv": -1}[name]
    assert low <= fake.min() and fake.max() <= 1
    for out in (output, inference):
        assert out.logits.shape == (BATCH, K) and out.features.shape == (BATCH, 6)
        assert out.logits.isfinite().all()


@pytest.mark.parametrize("name", SMALL)
def test_a_batch_of_one(name):
    generator, discriminator = build_g(name), build_d(name, tricks=HEAD)
    fake = generator(generator.draw_z(1, seeded()))
    output = discriminator(fake, discriminator.draw_noise(1, seeded()))
    cost = output.logits.square().sum()
    cost.backward()
    assert cost.isfinite()
    parameters = [*generator.parameters(), *discriminator.parameters()]
    assert all(p.grad is None or p.grad.isfinite().all() for p in parameters)


@pytest.mark.parametrize(
    ("model", "options", "start"),
    [
        (MLP, {"generator_hidden": []}, "model.generator_hidden=[]"),
        (MLP, {"discriminator_hidden": [5, 0]}, "model.discriminator_hidden=[5, 0]"),
        (MLP, {"input_noise": -0.1}, "model.input_noise=-0.1"),
        (MLP, {"z_dim": 0}, "model.z_dim=0"),
        (MLP, {"feature_norm": "l3"}, "model.feature_norm=l3"),
        (Conv, {"drop_channels": "some"}, "model.drop_channels=some"),
        (Conv, {"drop_channels": "input", "input_dropout": 0.0}, "model.drop_channels=input"),
        (Conv, {"drop_channels": "all", "input_dropout": 0.0, "hidden_dropout": 0.0}, "model.drop_channels=all"),
        (Conv, {"generator_widths": [4, 4]}, "model.generator_widths=[4, 4]"),
        (Conv, {"discriminator_widths": [4, 0]}, "model.discriminator_widths=[4, 0]"),
        (Conv, {"input_dropout": 1.0}, "model.input_dropout=1.0"),
        (Conv, {"hidden_dropout": -0.5}, "model.hidden_dropout=-0.5"),
        (Conv, {"pixel_divisor": 0.0}, "model.pixel_divisor=0.0"),
    ],
)
def test_wrong_sizes_are_refused_in_one_line(model, options, start):
    with pytest.raises(ConfigError) as error:
        model(**options)
    assert str(error.value).startswith(start) and "\n" not in str(error.value)
