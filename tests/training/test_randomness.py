"""The random generators of a run, and all that a step draws from them."""

from __future__ import annotations

import pytest
import torch

from ssgan.augmentation import Augmentation
from ssgan.augmentation.moves import augment
from ssgan.data.streams import epoch_rng
from ssgan.errors import ConfigError
from ssgan.layers import Share
from ssgan.training.members import Members
from ssgan.training.randomness import Randomness, draw_discriminator_noise, draw_generator_noise
from ssgan.training_options import Objective
from ssgan.tricks import (
    ConditionalEntropy,
    Consistency,
    FeatureMatching,
    InterpolationConsistency,
    LabelSmoothing,
    ManifoldRegularisation,
    MarginalEntropy,
    PullAway,
    RotationPrediction,
    SpectralNorm,
    TrickSet,
    VariationalEntropy,
    VirtualAdversarial,
)
from tests.player_costs import SHAPE, TRICKS, N, players, seeded
from tests.tricks.steps import Step

DRAWING = {
    "consistency": Consistency(flip=True, shift=1),
    "interpolation_consistency": InterpolationConsistency(),
    "manifold_regularisation": ManifoldRegularisation(),
    "rotation_prediction": RotationPrediction(),
    "virtual_adversarial": VirtualAdversarial(),
}


SILENT = {
    "conditional_entropy": ConditionalEntropy(),
    "feature_matching": FeatureMatching(),
    "label_smoothing": LabelSmoothing(),
    "marginal_entropy": MarginalEntropy(),
    "pull_away": PullAway(),
    "spectral_norm": SpectralNorm(),
    "variational_entropy": VariationalEntropy(),
}


def draw(step, tricks, share=None, n=N, weight=1.0):
    """D's and G's noise with those techniques, and the state of the random generator after each."""
    rng, players, extra = seeded(7), (step.generator, step.discriminator), ([share] if share else [])
    shape, tricks = (n, *SHAPE), TrickSet(tricks)
    d = draw_discriminator_noise(*players, shape, Objective(unlabelled_weight=weight), tricks, rng, *extra)
    after_d = rng.get_state()
    return d, draw_generator_noise(*players, shape, tricks, rng, *extra), after_d, rng.get_state()


def test_without_a_technique_that_draws_the_stream_is_the_layers_alone():
    step, rng = Step(), seeded(7)
    z, layers = step.generator.draw_z(N, rng), step.discriminator.draw_noise(3 * N, rng)
    after_d = rng.get_state()
    g_z, fake = step.generator.draw_z(N, rng), step.discriminator.draw_noise(N, rng)
    real = step.discriminator.draw_noise(N, rng)
    d, g, found_d, found = draw(step, SILENT)
    torch.testing.assert_close([d.z, *d.layers], [z, *layers], rtol=0, atol=0)
    torch.testing.assert_close([g.z, *g.fake_layers, *g.real_layers], [g_z, *fake, *real], rtol=0, atol=0)
    assert torch.equal(found_d, after_d) and torch.equal(found, rng.get_state())
    assert d.draws == g.draws == {}


def test_draws_come_after_the_layers_noise_in_the_order_of_names():
    step = Step()
    d, *_ = draw(step, DRAWING)
    plain, _, state, _ = draw(step, {})
    torch.testing.assert_close([d.z, *d.layers], [plain.z, *plain.layers], rtol=0, atol=0)
    rng = seeded(0)
    rng.set_state(state)
    for name, trick in DRAWING.items():
        expected = trick.discriminator_draws(step.generator, step.discriminator, (N, *SHAPE), rng)
        torch.testing.assert_close(d.draws[name], expected, rtol=0, atol=0)
    assert list(d.draws) == sorted(DRAWING)


def test_each_process_gets_its_rows_of_what_is_drawn_for_the_whole_batch():
    step = Step()
    whole, _, _, state = draw(step, DRAWING, n=2 * N)
    parts = [draw(step, DRAWING, Share(rank, 2)) for rank in range(2)]
    for name, tensors in whole.draws.items():
        for i, tensor in enumerate(tensors):
            assert len(tensor) == 2 * N
            assert torch.equal(torch.cat([part[0].draws[name][i] for part in parts]), tensor), name
    assert all(torch.equal(part[3], state) for part in parts)


def test_the_supervised_baseline_draws_nothing():
    assert draw(Step(), DRAWING, weight=0.0)[0].draws == {}


def test_noise_is_drawn_from_the_given_generator_and_fits():
    generator, discriminator, tricks = players("mlp", {"feature_matching": FeatureMatching()})
    state = torch.get_rng_state()
    d_noise = draw_discriminator_noise(generator, discriminator, (N, *SHAPE), Objective(), tricks, seeded(3))
    g_noise, again = (draw_generator_noise(generator, discriminator, (N, *SHAPE), tricks, seeded(4)) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    assert d_noise.z.shape == g_noise.z.shape == (N, 5) and g_noise.z.min() >= 0 and g_noise.z.max() < 1
    assert all(len(layer) == 3 * N for layer in d_noise.layers)
    assert all(len(layer) == N for layer in (*g_noise.fake_layers, *g_noise.real_layers))
    assert not any(map(torch.equal, g_noise.fake_layers, g_noise.real_layers))
    torch.testing.assert_close(g_noise, again, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("selected", "expected"), [({}, False), ({"matching": FeatureMatching()}, True), (TRICKS, True)]
)
def test_noise_for_real_images_is_drawn_only_for_techniques_that_look_at_them(selected, expected):
    generator, discriminator, tricks = players("mlp", selected)
    noise = draw_generator_noise(generator, discriminator, (N, *SHAPE), tricks, seeded(4))
    assert (noise.real_layers is not None) is expected


def test_the_noise_of_a_run_is_not_what_orders_its_images():
    noise = Randomness(3).generators[0]
    orders = (epoch_rng(3, epoch) for epoch in range(3))
    drawn = [tuple(torch.randint(2**40, (4,), generator=rng).tolist()) for rng in (noise, *orders)]
    assert len(set(drawn)) == 4


def drawn(randomness):
    return randomness.draw(lambda rng, share: share.of(torch.rand(4, generator=rng)))


def test_a_member_draws_what_it_would_alone_with_its_own_seed():
    three = drawn(Randomness(5, Members(3)))
    assert torch.equal(three, torch.stack([drawn(Randomness(5 + i)) for i in range(3)]))
    assert len({tuple(row) for row in three.tolist()}) == 3


@pytest.mark.parametrize("members", [None, 2])
def test_it_goes_on_from_its_state(members):
    one, other = Randomness(1, Members(members)), Randomness(7, Members(members))
    drawn(one)
    state = one.state()
    expected = drawn(one)
    other.load(state)
    assert torch.equal(drawn(other), expected) and not torch.equal(drawn(other), expected)


def test_a_state_of_another_kind_of_device_is_refused():
    """A GPU's generator has a state of 16 bytes."""
    with pytest.raises(ConfigError, match="another kind of device"):
        Randomness(1).load(torch.zeros(16, dtype=torch.uint8))


def test_each_member_s_images_are_changed_by_its_own_generator():
    options = Augmentation(shift=2, flip=True)
    pixels = torch.randint(0, 256, (2, 6, 1, 8, 8), dtype=torch.uint8, generator=seeded(0))
    found, own = Randomness(3, Members(2)).augment(pixels, options), [Randomness(3 + i).generators[0] for i in range(2)]
    for i in range(2):
        assert torch.equal(found[i], augment(pixels[i], options, own[i])) and not torch.equal(found[i], pixels[i])
    randomness = Randomness(3, Members(2))
    before = randomness.state()
    assert randomness.augment(pixels, Augmentation()) is pixels and torch.equal(randomness.state(), before)
