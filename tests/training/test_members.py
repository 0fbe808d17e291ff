"""Stacked members compute what each computes alone."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

import ssgan.training.members
from ssgan.build import build_players
from ssgan.networks.architecture import MLP, Conv
from ssgan.objectives import discriminator_terms, frozen, generator_terms
from ssgan.steps import DiscriminatorBatch
from ssgan.training.initialisation import initialise_players
from ssgan.training.members import ONE, Members, named_tensors, stack_networks, unstack_network
from ssgan.training.randomness import draw_discriminator_noise, draw_generator_noise
from ssgan.training_options import Objective
from ssgan.tricks import (
    ConditionalEntropy,
    Consistency,
    FeatureMatching,
    HistoricalAveraging,
    InterpolationConsistency,
    LabelSmoothing,
    ManifoldRegularisation,
    MarginalEntropy,
    MinibatchDiscrimination,
    PullAway,
    RotationPrediction,
    SpectralNorm,
    TrickSet,
    VariationalEntropy,
    VirtualAdversarial,
    VirtualBatchNorm,
)

K, N = 3, 12
MLP_CASE = (MLP(generator_hidden=[16, 16], discriminator_hidden=[32, 16]), (1, 8, 8))
CONV_CASE = (Conv(generator_widths=[16, 8, 8], discriminator_widths=[4, 8]), (3, 16, 16))
NETWORKS = ("generator", "discriminator", "average", "companions")
EVERY = {
    "feature_matching": FeatureMatching(),
    "historical_averaging": HistoricalAveraging(),
    "label_smoothing": LabelSmoothing(),
    "minibatch_discrimination": MinibatchDiscrimination(kernels=6),
    "virtual_batch_norm": VirtualBatchNorm(),
    "conditional_entropy": ConditionalEntropy(),
    "consistency": Consistency(flip=True, shift=1, ramp=0.5),
    "interpolation_consistency": InterpolationConsistency(ramp=0.5),
    "warped_views": Consistency(second_view="student", rotate=20, scale=0.1, shear=5, confidence=0.2),
    "marginal_entropy": MarginalEntropy(),
    "manifold_regularisation": ManifoldRegularisation(),
    "pull_away": PullAway(),
    "rotation_prediction": RotationPrediction(),
    "spectral_norm": SpectralNorm(),
    "variational_entropy": VariationalEntropy(),
    "virtual_adversarial": VirtualAdversarial(),
}
#: All members are equally far.
PROGRESS = torch.tensor(0.3)


class Alone:
    """One member: its networks, batch and noise."""

    def __init__(self, seed: int, case: Any, tricks: TrickSet) -> None:
        architecture, shape = case
        rng = torch.Generator().manual_seed(seed)
        self.tricks = tricks
        self.generator, self.discriminator, self.companions = build_players(architecture, tricks, shape, 10, N)
        images = torch.rand(40, *shape, generator=rng)
        initialise_players(self.generator, self.discriminator, self.companions, images, seed)
        labels = torch.randint(0, 10, (N,), generator=rng)
        self.batch = DiscriminatorBatch(images[:N], labels, images[-N:])
        self.average = copy.deepcopy(self.discriminator).requires_grad_(False)
        for weight in self.average.parameters():
            weight.mul_(0.9)
        players = self.generator, self.discriminator
        self.d_noise = draw_discriminator_noise(*players, (N, *shape), Objective(), tricks, rng)
        self.g_noise = draw_generator_noise(*players, (N, *shape), tricks, rng)

    def terms(self) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        """Of D's cost and of G's; their gradients."""
        networks = self.generator, self.discriminator
        batch, noise = self.batch, self.d_noise
        d_terms = discriminator_terms(*networks, self.average, batch, noise, Objective(), self.tricks, PROGRESS)
        sum(d_terms.values()).backward()
        with frozen(self.discriminator):
            networks = (*networks, self.companions)
            g_terms = generator_terms(*networks, self.batch.unlabelled, self.g_noise, Objective(), self.tricks)
            sum(g_terms.values()).backward()
        return d_terms, g_terms


@pytest.mark.parametrize("case", [MLP_CASE, CONV_CASE], ids=["mlp", "conv"])
@pytest.mark.parametrize("names", [(), *[(name,) for name in EVERY], tuple(EVERY)], ids="+".join)
def test_terms_and_gradients_are_those_of_each_member_alone(case: Any, names: tuple[str, ...]) -> None:
    tricks = TrickSet({name: EVERY[name] for name in names})
    alone = [Alone(seed, case, tricks) for seed in range(K)]
    members = Members(K)
    generator, discriminator, average, companions = (
        stack_networks([getattr(a, name) for a in alone]) for name in NETWORKS
    )
    networks = generator, discriminator
    batch, d_noise, g_noise = (members.gather(getattr(a, x) for a in alone) for x in ("batch", "d_noise", "g_noise"))
    d_networks = (*networks, average)
    d_terms = members.call(discriminator_terms, d_networks, batch, d_noise, Objective(), tricks, PROGRESS)
    sum(term.sum() for term in d_terms.values()).backward()
    with frozen(discriminator):
        g_networks = (*networks, companions)
        g_terms = members.call(generator_terms, g_networks, batch.unlabelled, g_noise, Objective(), tricks)
        sum(term.sum() for term in g_terms.values()).backward()

    turned = "virtual_adversarial" in names  # its direction is that of a small gradient, which rounding turns
    # Rounding may also carry an activation across the kink of its ReLU; an image has many in a convolution.
    most = 0.05 if turned or case is CONV_CASE else 1e-3
    for i, each in enumerate(alone):
        for found, expected in zip((d_terms, g_terms), each.terms(), strict=True):
            assert found.keys() == expected.keys()
            for name, term in expected.items():
                torch.testing.assert_close(found[name][i], term, rtol=0.01 * turned + 1e-5, atol=1e-6)
        for stacked, own in (
            (generator, each.generator),
            (discriminator, each.discriminator),
            (companions, each.companions),
        ):
            gradients = dict(stacked.named_parameters())
            for name, parameter in own.named_parameters():
                expected = parameter.grad
                assert (gradients[name].grad is None) == (expected is None), name
                if expected is not None:
                    far = (gradients[name].grad[i] - expected).norm() / expected.norm().clamp_min(1e-3)
                    assert far < most, (name, far)


def test_members_in_turn_compute_what_they_compute_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tricks = TrickSet(EVERY)
    alone = [Alone(seed, MLP_CASE, tricks) for seed in range(K)]
    members, found = Members(K), []
    for limit in (ssgan.training.members.CACHE_BYTES, 0):
        monkeypatch.setattr(ssgan.training.members, "CACHE_BYTES", limit)
        generator, discriminator, average, companions = (
            stack_networks([getattr(a, name) for a in alone]) for name in NETWORKS
        )
        batch, *noise = (members.gather(getattr(a, x) for a in alone) for x in ("batch", "d_noise", "g_noise"))
        networks = generator, discriminator, average
        terms = members.call(discriminator_terms, networks, batch, noise[0], Objective(), tricks, PROGRESS)
        sum(term.sum() for term in terms.values()).backward()
        with frozen(discriminator):
            networks = generator, discriminator, companions
            g_terms = members.call(generator_terms, networks, batch.unlabelled, noise[1], Objective(), tricks)
            sum(term.sum() for term in g_terms.values()).backward()
        terms |= {f"g_{name}": term for name, term in g_terms.items()}
        found.append((terms, {name: p.grad for network in networks for name, p in network.named_parameters()}))
    (terms, gradients), (in_turn, gradients_in_turn) = found
    assert terms.keys() == in_turn.keys()
    for name, term in terms.items():
        torch.testing.assert_close(in_turn[name], term, rtol=0.01, atol=1e-6)
    for name, gradient in gradients.items():
        assert (gradients_in_turn[name] - gradient).norm() < 0.05 * gradient.norm().clamp_min(1e-3), name


def test_stacking_and_taking_apart_are_inverse_and_share_no_memory() -> None:
    networks = [nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)) for _ in range(K)]
    networks[0][0].weight.requires_grad_(False)
    for network in networks[1:]:
        network[0].weight.requires_grad_(False)
    stacked = stack_networks(networks)
    assert (
        stacked[0].weight.shape == (K, 3, 2) and not stacked[0].weight.requires_grad and stacked[0].bias.requires_grad
    )
    assert [name for name, _ in named_tensors(stacked)] == [name for name, _ in named_tensors(networks[0])]
    parts = [unstack_network(stacked, i) for i in range(K)]
    with torch.no_grad():
        for tensor in stacked.state_dict().values():
            tensor.zero_()
    for part, network in zip(parts, networks, strict=True):
        for name, value in network.state_dict().items():
            assert torch.equal(part.state_dict()[name], value), name
        assert not part[0].weight.requires_grad and part[0].bias.requires_grad


def test_a_single_model_is_left_as_it_is() -> None:
    network, x = nn.Linear(2, 3), torch.rand(4, 2)
    assert torch.equal(ONE.call(lambda net, y: net(y), [network], x), network(x))
    assert ONE.gather(iter([x])) is x and ONE.split(x)[0] is x and ONE.apart(network) == [network]
    assert ONE.together([network]) is network and ONE.shared(x, 2) is x and ONE.in_turn(x) is x


def test_trees_are_stacked_leaf_by_leaf_and_nothing_stays_nothing() -> None:
    trees = [{"a": (torch.tensor(i), None), "b": [torch.tensor([i, i])]} for i in range(K)]
    stacked = Members(K).gather(trees)
    assert stacked["a"][0].tolist() == [0, 1, 2] and stacked["a"][1] is None
    assert stacked["b"][0].tolist() == [[0, 0], [1, 1], [2, 2]]


def test_images_of_members_in_turn() -> None:
    batch = torch.arange(K * 7).view(K, 7)
    turn = Members(K).in_turn(batch)
    assert turn.tolist() == [batch[member, i].item() for i, member in enumerate([0, 0, 0, 1, 1, 2, 2])]


def test_shared_images_go_to_every_member_and_own_ones_stay() -> None:
    members, x = Members(K), torch.rand(5, 2)
    assert members.shared(x, 2).shape == (K, 5, 2) and torch.equal(members.shared(x, 2)[1], x)
    own = torch.rand(K, 5, 2)
    assert members.shared(own, 2) is own


@pytest.mark.parametrize("max_norm", [0.1, 2.0, 100.0])
def test_each_members_gradient_is_clipped_by_its_own_norm(max_norm: float) -> None:
    rng = torch.Generator().manual_seed(0)
    gradients = [torch.randn(K, 4, 3, generator=rng), torch.randn(K, 5, generator=rng), torch.randn(K, generator=rng)]
    gradients[0][1] *= 50
    parameters = [nn.Parameter(torch.zeros_like(g)) for g in gradients] + [nn.Parameter(torch.zeros(K, 2))]
    for parameter, gradient in zip(parameters, gradients, strict=False):
        parameter.grad = gradient.clone()
    Members(K).clip_gradients(parameters, max_norm)
    for i in range(K):
        alone = [nn.Parameter(torch.zeros_like(g[i])) for g in gradients]
        for parameter, gradient in zip(alone, gradients, strict=True):
            parameter.grad = gradient[i].clone()
        nn.utils.clip_grad_norm_(alone, max_norm)
        for stacked, own in zip(parameters, alone, strict=False):
            torch.testing.assert_close(stacked.grad[i], own.grad)
