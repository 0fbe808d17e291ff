"""Start values of networks that techniques bring."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn import ModuleDict

from ssgan.layers import WeightNormLinear
from ssgan.training.initialisation import initialise_players
from tests.player_costs import images, players, seeded


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
