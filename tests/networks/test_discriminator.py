"""The discriminator: its features, its heads, their reference, and inference without noise or companions."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ssgan.networks.discriminator import Discriminator
from ssgan.tricks import TrickSet
from tests.networks.small import BATCH, HEAD, SMALL, K, build_d, images, seeded


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


def test_a_minibatch_head_made_for_batches_of_one_has_nobody_to_compare_with():
    network = SMALL["mlp"].build_discriminator((1, 3, 3), K, TrickSet(HEAD), batch_size=1)
    network.draw_parameters(seeded())
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


def test_each_head_sees_as_much_of_the_reference_as_it_asks_for():
    class Counts(nn.Module):
        out_features = 1

        def __init__(self, reference_size: int) -> None:
            super().__init__()
            self.reference_size = reference_size

        def forward(self, features: torch.Tensor, reference: torch.Tensor | None) -> torch.Tensor:
            seen.append(None if reference is None else len(reference))
            return features[..., :1]

    seen: list[int | None] = []
    network = Discriminator(build_d("mlp").body, 6, K, {"few": Counts(2), "none": Counts(0), "many": Counts(5)})
    network.set_reference(images(network.reference_size))
    network(images(BATCH))
    network(images(BATCH), network.draw_noise(BATCH, seeded()))
    assert seen == [2, 0, 5, None, None, None]


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
