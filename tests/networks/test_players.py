"""Both players for images of all sizes: shapes, start values, references, and inference."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from ssgan.errors import ConfigError
from ssgan.layers import (
    BatchNorm,
    Dropout,
    GaussianNoise,
    VirtualBatchNorm,
    WeightNormConv2d,
    WeightNormConvTranspose2d,
    WeightNormLinear,
    initialise_from_data,
)
from ssgan.networks import MLP, Conv
from ssgan.networks.conv import GlobalMaxPool
from ssgan.networks.discriminator import Discriminator
from ssgan.tricks import MinibatchDiscrimination, TrickSet
from ssgan.tricks import VirtualBatchNorm as VirtualBatchNormTrick

BATCH, K = 6, 7
WEIGHT_NORM = (WeightNormLinear, WeightNormConv2d, WeightNormConvTranspose2d)

SMALL = {
    "mlp": MLP(z_dim=5, generator_hidden=[9, 8], discriminator_hidden=[10, 6]),
    "conv": Conv(z_dim=5, generator_widths=[6, 5, 4], discriminator_widths=[4, 6]),
}
SHAPES = {
    "digits": (1, 8, 8),
    "mnist": (1, 28, 28),
    "svhn": (3, 32, 32),
    "odd": (3, 30, 45),
    "smallest": (2, 9, 9),
    "narrow": (1, 9, 31),
}
HEAD = {"minibatch_discrimination": MinibatchDiscrimination(kernels=3, dim=2)}
VBN = {"virtual_batch_norm": VirtualBatchNormTrick(reference_size=4)}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def build_d(name="conv", shape=(2, 9, 10), tricks=None, seed=0, model=None):
    network = (model or SMALL[name]).build_discriminator(shape, K, TrickSet(tricks), BATCH)
    network.reset_parameters(seeded(seed))
    if network.reference_size:
        network.set_reference(images(network.reference_size, shape, seed=99))
    return network


def build_g(name="conv", shape=(2, 9, 10), tricks=None, seed=0, model=None):
    network = (model or SMALL[name]).build_generator(shape, TrickSet(tricks), BATCH)
    network.reset_parameters(seeded(seed))
    network.set_reference(seeded(seed + 1))
    return network


def images(n, shape=(2, 9, 10), seed=1):
    return torch.rand(n, *shape, generator=seeded(seed))


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


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 8, 32), (3, 32, 8), (1, 1, 1)])
def test_images_too_small_for_the_convolutions_are_refused_in_one_line(shape):
    with pytest.raises(ConfigError) as error:
        SMALL["conv"].build_discriminator(shape, K, TrickSet(), BATCH)
    assert f"{shape[1]}×{shape[2]}" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 5, 2), (1, 8, 8), (2, 13, 22)])
def test_the_generator_fits_images_of_any_size(shape):
    assert build_g("conv", shape)(torch.rand(2, 5)).shape == (2, *shape)


# --- start values -------------------------------------------------------------------------------------------


def plain_weights(network):
    return [m.weight for m in network.modules() if isinstance(m, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)]


def assert_normal(weight, std):
    values = weight.detach().double().flatten() / std
    n = len(values)
    tolerance = 5 / math.sqrt(n)
    assert values.mean().item() == pytest.approx(0, abs=tolerance)
    assert values.square().mean().item() == pytest.approx(1, abs=tolerance * math.sqrt(2))
    assert values.pow(4).mean().item() == pytest.approx(3, abs=tolerance * math.sqrt(96))


@pytest.mark.parametrize(
    ("network", "std", "layers"),
    [
        (lambda: build_d("mlp", (1, 28, 28), model=MLP()), 0.1, 6),
        (lambda: build_d("conv", (3, 32, 32), model=Conv()), 0.05, 10),
        (lambda: build_g("conv", (3, 32, 32), model=Conv()), 0.05, 4),
    ],
    ids=["dense D", "conv D", "conv G"],
)
def test_start_weights_are_normal_with_the_published_deviation(network, std, layers):
    weights = plain_weights(network())
    assert len(weights) == layers
    for weight in weights:
        assert_normal(weight, std)


def test_the_dense_generator_starts_within_glorots_bound():
    weights = plain_weights(build_g("mlp", (1, 28, 28), model=MLP()))
    assert [tuple(w.shape) for w in weights] == [(500, 100), (500, 500), (784, 500)]
    for weight in weights:
        bound = math.sqrt(6 / sum(weight.shape))
        assert 0.99 * bound < weight.abs().max() <= bound
        assert weight.var().item() == pytest.approx(bound**2 / 3, rel=0.02)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("build", [build_g, build_d])
def test_start_values_come_from_the_given_generator_alone(name, build):
    states = []
    for torch_seed, seed in ((1, 0), (2, 0), (1, 3)):
        torch.manual_seed(torch_seed)
        network = build(name, tricks=HEAD | VBN, seed=seed)
        state = torch.get_rng_state()
        network.reset_parameters(seeded(seed))
        assert torch.equal(torch.get_rng_state(), state)
        states.append(network.state_dict())
    torch.testing.assert_close(states[0], states[1], rtol=0, atol=0)
    drawn = [key for key in states[0] if key.endswith("weight")]
    assert drawn and not any(torch.equal(states[0][key], states[2][key]) for key in drawn)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("tricks", [{}, HEAD], ids=["plain", "head"])
def test_after_the_start_from_data_every_layer_of_d_is_centred_and_scaled(name, tricks):
    network, x = build_d(name, tricks=tricks), images(50)
    noise = network.draw_noise(50, seeded())
    initialise_from_data(network, x, noise)
    outputs = {}
    for layer in network.modules():
        if isinstance(layer, WEIGHT_NORM):
            layer.register_forward_hook(lambda m, args, output: outputs.__setitem__(m, output.detach().clone()))
    network(x, noise)
    assert len(outputs) == {"mlp": 3, "conv": 10}[name]
    last_std = {"mlp": 1.0, "conv": 0.1}[name]
    for layer, output in outputs.items():
        std = last_std if layer is network.classifier else 1.0
        units = output.transpose(0, 1).flatten(1)
        torch.testing.assert_close(units.mean(1), torch.zeros(len(units)), rtol=0, atol=1e-4)
        torch.testing.assert_close(units.std(1, correction=0), torch.full((len(units),), std), rtol=1e-3, atol=0)


def test_the_start_from_data_scales_the_conv_generators_output_and_leaves_the_dense_one():
    for name in SMALL:
        network = build_g(name)
        outputs = []
        last = next(m for m in network.modules() if isinstance(m, WEIGHT_NORM))
        initialise_from_data(network, torch.rand(50, 5, generator=seeded()))
        last.register_forward_hook(lambda m, args, output, outputs=outputs: outputs.append(output.detach()))
        network(torch.rand(50, 5, generator=seeded()))
        if name == "conv":
            units = outputs[0].transpose(0, 1).flatten(1)
            torch.testing.assert_close(units.mean(1), torch.zeros(2), rtol=0, atol=1e-4)
            torch.testing.assert_close(units.std(1, correction=0), torch.full((2,), 0.1), rtol=1e-3, atol=0)
        else:
            assert (last.gain == 1).all() and (last.bias == 0).all()


# --- noise, features and inference --------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("tricks", [{}, HEAD], ids=["plain", "head"])
def test_inference_is_deterministic_and_keeps_examples_apart(name, tricks):
    network, x = build_d(name, tricks=tricks), images(BATCH)
    network.eval()
    first = network(x)
    assert torch.equal(first.logits, network.train()(x).logits)
    companions = torch.cat([x[:2], 9 * images(BATCH + 5, seed=2)])
    for i, other in enumerate((x[:2], companions)):
        again = network(other)
        torch.testing.assert_close(again.logits[:2], first.logits[:2], rtol=1e-4, atol=1e-5, msg=f"case {i}")
        torch.testing.assert_close(again.features[:2], first.features[:2], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", SMALL)
def test_with_a_head_training_depends_on_companions_within_a_part_and_not_across(name):
    network, x = build_d(name, tricks=HEAD), images(2 * BATCH)
    noise = network.draw_noise(2 * BATCH, seeded())
    changed = x.clone()
    changed[-1] = 1 - changed[-1]
    before, after = network(x, noise, parts=2).logits, network(changed, noise, parts=2).logits
    torch.testing.assert_close(after[:BATCH], before[:BATCH], rtol=1e-4, atol=1e-5)
    assert (after[BATCH:-1] != before[BATCH:-1]).any(1).all()
    without = build_d(name)
    a, b = (without(images_, noise, parts=2).logits for images_ in (x, changed))
    torch.testing.assert_close(a[:-1], b[:-1], rtol=1e-4, atol=1e-5)


def test_a_heads_features_are_appended_to_those_of_d():
    network, x = build_d("mlp", tricks=HEAD), images(BATCH)
    noise = network.draw_noise(BATCH, seeded())
    output = network(x, noise)
    noisy = output.features + noise[-1]
    head = network.heads["minibatch_discrimination"](output.features.unsqueeze(0))[0]
    torch.testing.assert_close(output.logits, network.classifier(torch.cat([noisy, head], 1)))
    reference = network(network.reference).features
    output = network(x)
    head = network.heads["minibatch_discrimination"](output.features.unsqueeze(0), reference)[0]
    torch.testing.assert_close(output.logits, network.classifier(torch.cat([output.features, head], 1)))


def test_features_are_taken_before_the_last_noise_and_after_all_other():
    network, x = build_d("mlp"), images(BATCH)
    noise = network.draw_noise(BATCH, seeded())
    start = network(x, noise)
    for i in range(len(noise)):
        changed = network(x, [n + 1 if j == i else n for j, n in enumerate(noise)])
        assert torch.equal(changed.features, start.features) is (i == len(noise) - 1)
        assert not torch.equal(changed.logits, start.logits)
    torch.testing.assert_close(start.logits, network.classifier(start.features + noise[-1]))


def test_conv_features_are_what_the_last_layer_sees():
    network, x = build_d("conv"), images(BATCH)
    noise = network.draw_noise(BATCH, seeded())
    start = network(x, noise)
    torch.testing.assert_close(start.logits, network.classifier(start.features))
    for i in range(len(noise)):
        changed = network(x, [1 - n if j == i else n for j, n in enumerate(noise)])
        assert not torch.equal(changed.features, start.features)


@pytest.mark.parametrize(
    ("model", "kinds"),
    [
        (Conv(discriminator_widths=[4, 6], input_dropout=0.0, input_noise=0.2), [GaussianNoise, Dropout, Dropout]),
        (Conv(discriminator_widths=[4, 6], input_dropout=0.0), [Dropout, Dropout]),
        (Conv(discriminator_widths=[4, 6], hidden_dropout=0.0), [Dropout]),
    ],
)
def test_noise_that_is_switched_off_is_not_built(model, kinds):
    network = build_d(model=model)
    assert [type(m) for m in network.modules() if isinstance(m, GaussianNoise | Dropout)] == kinds
    assert len(network.draw_noise(2, seeded())) == len(kinds)


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


def test_a_minibatch_head_made_for_batches_of_one_has_nobody_to_compare_with():
    network = SMALL["mlp"].build_discriminator((1, 3, 3), K, TrickSet(HEAD), batch_size=1)
    network.reset_parameters(seeded())
    x = images(4, (1, 3, 3))
    head = network.heads["minibatch_discrimination"]
    output = network(x)
    columns = torch.cat([output.features, head.bias.expand(4, -1)], 1)
    torch.testing.assert_close(output.logits, network.classifier(columns))


class SquaredFeatures(nn.Module):
    """A head of a technique of one's own that compares an example with nobody."""

    reference_size = 0

    def __init__(self, num_features):
        super().__init__()
        self.out_features = num_features

    def forward(self, features, reference=None):
        return features.square()


def test_a_head_that_needs_no_reference_works_in_training_and_at_inference():
    body = build_d("mlp").body
    network = Discriminator(body, 6, K, {"squares": SquaredFeatures(6)})
    x = images(BATCH)
    for noise in (network.draw_noise(BATCH, seeded()), None):
        output = network(x, noise)
        expected = network.classifier(torch.cat([output.features, output.features.square()], 1))
        torch.testing.assert_close(output.logits, expected)


# --- the generator's normalisation --------------------------------------------------------------------------


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


@pytest.mark.parametrize("name", SMALL)
def test_the_heads_reference_is_saved_and_decides(name):
    saved, loaded = build_d(name, tricks=HEAD, seed=0), build_d(name, tricks=HEAD, seed=5)
    loaded.set_reference(torch.zeros(BATCH - 1, 2, 9, 10))
    x = images(3)
    assert saved.reference_size == BATCH - 1 and saved.state_dict()["reference"].shape == (BATCH - 1, 2, 9, 10)
    before = saved(x).logits
    loaded.load_state_dict(saved.state_dict())
    assert torch.equal(loaded(x).logits, before)
    saved.set_reference(images(BATCH - 1, seed=55))
    assert not torch.equal(saved(x).logits, before)


def test_the_reference_is_a_copy():
    given = images(BATCH - 1)
    network = build_d(tricks=HEAD)
    network.set_reference(given)
    given.zero_()
    assert network.reference.abs().sum() > 0


def test_z_is_uniform_on_the_unit_interval():
    z = build_g("mlp").draw_z(20_000, seeded())
    assert z.min() >= 0 and z.max() < 1 and z.shape == (20_000, 5)
    assert z.mean().item() == pytest.approx(0.5, abs=0.01) and z.var().item() == pytest.approx(1 / 12, abs=0.002)


@pytest.mark.parametrize(
    ("model", "options", "start"),
    [
        (MLP, {"generator_hidden": []}, "model.generator_hidden=[]"),
        (MLP, {"discriminator_hidden": [5, 0]}, "model.discriminator_hidden=[5, 0]"),
        (MLP, {"input_noise": -0.1}, "model.input_noise=-0.1"),
        (MLP, {"z_dim": 0}, "model.z_dim=0"),
        (MLP, {"feature_norm": "l3"}, "model.feature_norm=l3"),
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


def test_a_convolutional_discriminator_keeps_images_channels_last_and_so_is_their_noise():
    network, x = build_d("conv"), images(5)
    noise = network.draw_noise(5, seeded())
    is_channels_last = [n.is_contiguous(memory_format=torch.channels_last) for n in noise]
    assert is_channels_last == [True] * len(noise)
    outputs = []
    for layer in network.modules():
        if isinstance(layer, WeightNormConv2d):
            layer.register_forward_hook(lambda m, args, output: outputs.append(output))
    network(x, noise)
    assert len(outputs) == 9 and all(y.is_contiguous(memory_format=torch.channels_last) for y in outputs)


def test_the_largest_activations_are_those_of_torchs_own_pool():
    x = torch.randn(3, 4, 5, 6, generator=seeded(), requires_grad=True)
    weight = torch.randn(3, 4, generator=seeded(1))
    found, expected = GlobalMaxPool()(x), nn.AdaptiveMaxPool2d(1)(x).flatten(1)
    assert torch.equal(found, expected)
    gradients = [torch.autograd.grad((weight * pooled).sum(), x)[0] for pooled in (found, expected)]
    assert torch.equal(*gradients)
