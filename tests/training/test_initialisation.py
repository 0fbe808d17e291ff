"""Start values of networks that techniques bring."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn import ModuleDict

from ssgan.build import build_players
from ssgan.layers import WeightNormLinear
from ssgan.training.initialisation import initialise_players
from ssgan.tricks import MinibatchDiscrimination, VirtualBatchNorm
from ssgan.tricks.trick_set import TrickSet
from tests.player_costs import ARCHITECTURES, SHAPE, K, N, images, players, seeded


class OfImages(nn.Module):
    """A network that would fail on D's features."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(180, 3)

    def forward(self, x):
        return self.layer(x.flatten(1).unflatten(1, (180,)))


def test_a_network_beside_d_takes_its_start_from_ds_features_and_one_of_torchs_layers_is_not_called():
    generator, discriminator, _ = players("conv")
    head = WeightNormLinear(discriminator.num_features, 5, trainable_gain=True, init_std=0.5)
    of_images = OfImages()
    discriminator.accompany({"head": head, "of_images": of_images})
    some = images(3, 40)
    initialise_players(generator, discriminator, ModuleDict(), some, seed=2)

    # The same draws from the seed, in the order in which the start values take them.
    rng = seeded(2)
    copy.deepcopy(generator).draw_parameters(rng)
    copy.deepcopy(discriminator).draw_parameters(rng)
    generator.draw_z(len(some), rng)
    noise = discriminator.draw_noise(len(some), rng)
    with torch.no_grad():
        found = head(discriminator(some, noise).features)
    torch.testing.assert_close(found.mean(0), torch.zeros(5), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.std(0, correction=0), torch.full((5,), 0.5), atol=1e-3, rtol=0)
    assert not of_images.layer.bias.any() and 0.03 < of_images.layer.weight.std() < 0.07  # N(0, 0.05), as D's


def test_d_starts_from_its_noisy_view_of_the_images():
    generator, discriminator, _ = players("mlp")
    before = copy.deepcopy(discriminator)
    some = images(3, 200)
    initialise_players(generator, discriminator, ModuleDict(), some, seed=2)
    rng = seeded(2)
    copy.deepcopy(generator).draw_parameters(rng)
    before.draw_parameters(rng)
    generator.draw_z(len(some), rng)
    with torch.no_grad():
        logits = discriminator(some, discriminator.draw_noise(len(some), rng)).logits
        clean = discriminator(some).logits
    torch.testing.assert_close(logits.mean(0), torch.zeros(K), atol=1e-4, rtol=0)
    assert (logits.std(0, correction=0) - 1).abs().max() < 1e-3 < (clean.std(0, correction=0) - 1).abs().max()


def test_reference_batches_vary_and_follow_the_seed():
    tricks = TrickSet({"virtual_batch_norm": VirtualBatchNorm(), "minibatch_discrimination": MinibatchDiscrimination()})
    references = []
    for seed in (1, 1, 2):
        generator, discriminator, _ = build_players(ARCHITECTURES["mlp"], tricks, SHAPE, K, N)
        some = images(3, 2)
        initialise_players(generator, discriminator, ModuleDict(), some, seed)
        z = generator.reference
        assert z.min() >= 0 and z.max() < 1 and z.std() > 0.2 and len(z.unique(dim=0)) == len(z)
        assert discriminator.reference.equal(some[torch.arange(N - 1) % 2])
        references.append(z.clone())
    assert references[0].equal(references[1]) and not references[0].equal(references[2])


def test_companions_of_g_are_drawn_as_g_is():
    generator, discriminator, _ = players("mlp")
    companions = ModuleDict({"own": nn.Sequential(nn.Linear(20, 30), nn.Linear(30, 4))})
    companions["own"].forward = lambda images: images
    before = copy.deepcopy(companions.state_dict())
    initialise_players(generator, discriminator, companions, images(3, 20), seed=2)
    after = companions.state_dict()
    assert all(not value.equal(before[name]) for name, value in after.items())
    assert not any(value.any() for name, value in after.items() if name.endswith("bias"))
