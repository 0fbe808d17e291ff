"""Scores against slow restatements, torch-fidelity's whole pipeline, and what must hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.linalg
import torch

from ssgan.errors import ConfigError
from ssgan.scoring.scores import IS_SPLITS, Features, scores

pytest.importorskip("torch_fidelity", reason="the score extra is not installed")

N, D, K = 200, 6, 4


def features(seed: int, shift: float = 0.0, n: int = N) -> Features:
    rng = torch.Generator().manual_seed(seed)
    return Features(torch.randn(n, D, generator=rng) + shift, 2 * torch.randn(n, K, generator=rng))


def test_fid_is_the_frechet_distance_of_two_gaussians() -> None:
    a, b = features(1), features(2, 0.7)
    x, y = a.features.double().numpy(), b.features.double().numpy()
    cov = [np.cov(z, rowvar=False) for z in (x, y)]
    root = scipy.linalg.sqrtm(cov[0] @ cov[1]).real
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(cov[0] + cov[1] - 2 * root)
    assert scores(a, b)["fid"] == pytest.approx(expected, rel=1e-6)


def test_kid_is_the_unbiased_mmd_of_the_cubic_kernel() -> None:
    """As many images as a subset has: every subset is the whole."""
    a, b = features(1), features(2, 0.7)

    def kernel(u: list[float], v: list[float]) -> float:
        return (sum(p * q for p, q in zip(u, v, strict=True)) / D + 1) ** 3

    x, y = a.features.tolist(), b.features.tolist()
    own = [sum(kernel(z[i], z[j]) for i in range(N) for j in range(N) if i != j) / (N * (N - 1)) for z in (x, y)]
    cross = sum(kernel(u, v) for u in x for v in y) / N**2
    found = scores(a, b)
    assert found["kid_mean"] == pytest.approx(own[0] + own[1] - 2 * cross, rel=1e-5)
    assert found["kid_std"] == pytest.approx(0, abs=1e-9)


def test_precision_and_recall_count_images_inside_the_others_balls() -> None:
    a, b = features(1), features(2, 0.7)

    def inside(points: torch.Tensor, balls: torch.Tensor) -> float:
        radii = [sorted(math.dist(p, q) for q in balls.tolist())[3] for p in balls.tolist()]  # the first is p itself
        hits = [any(math.dist(p, q) <= r for q, r in zip(balls.tolist(), radii, strict=True)) for p in points.tolist()]
        return sum(hits) / len(hits)

    found = scores(a, b)
    assert found["precision"] == pytest.approx(inside(a.features, b.features), abs=1.5 / N)
    assert found["recall"] == pytest.approx(inside(b.features, a.features), abs=1.5 / N)


def test_the_inception_score_is_between_1_and_the_classes() -> None:
    sure = torch.eye(K).repeat(N // K, 1) * 50
    a = features(1)
    same = torch.zeros(N, K)
    assert scores(Features(a.features, same), a)["is_mean"] == pytest.approx(1.0)
    shuffled = scores(Features(a.features, sure), a)["is_mean"]
    assert 0.9 * K < shuffled <= K + 1e-6


def test_the_inception_score_is_the_exponential_of_the_mean_divergence_from_the_mean() -> None:
    """Ten times, of a tenth of the images each; which images form a tenth is torch-fidelity's choice."""
    a = features(1)
    p = torch.softmax(a.logits.double(), 1)[np.random.RandomState(2020).permutation(N)]
    parts = []
    for part in p.chunk(10):
        mean = part.mean(0)
        each = [
            sum(q * (math.log(q) - math.log(m)) for q, m in zip(row, mean.tolist(), strict=True))
            for row in part.tolist()
        ]
        parts.append(math.exp(sum(each) / len(each)))
    found = scores(a, features(2))
    assert found["is_mean"] == pytest.approx(np.mean(parts), rel=1e-5)
    assert found["is_std"] == pytest.approx(np.std(parts), rel=1e-4)


def test_the_same_images_score_best() -> None:
    a = features(1)
    found = scores(a, a)
    assert found["fid"] == pytest.approx(0, abs=1e-6)
    assert (found["precision"], found["recall"]) == (1.0, 1.0)
    assert found["fid"] < scores(features(2), a)["fid"] < scores(features(2, 1.0), a)["fid"]


def test_too_few_images_are_refused() -> None:
    with pytest.raises(ConfigError, match="scores of 7 images say nothing"):
        scores(features(1, n=7), features(2))
    assert IS_SPLITS == 10


def test_torch_fidelity_s_whole_pipeline_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """``calculate_metrics`` on images, with a feature extractor of its own registry."""
    import torch_fidelity
    from torch import nn
    from torch.utils.data import Dataset
    from torch_fidelity.feature_extractor_base import FeatureExtractorBase
    from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY

    projection = torch.randn(3 * 8 * 8, D, generator=torch.Generator().manual_seed(3)) / 50

    class Projection(FeatureExtractorBase):
        def __init__(self, name: str, features_list: list[str], **_: object) -> None:
            super().__init__(name, features_list)
            self.identity = nn.Identity()

        @staticmethod
        def get_provided_features_list() -> tuple[str, ...]:
            return ("ours",)

        @staticmethod
        def get_default_feature_layer_for_metric(metric: str) -> str:
            return "ours"

        @staticmethod
        def can_be_compiled() -> bool:
            return False

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
            return (x.float().flatten(1) @ projection,)

    class Images(Dataset[torch.Tensor]):
        def __init__(self, seed: int) -> None:
            rng = torch.Generator().manual_seed(seed)
            self.images = torch.randint(0, 256 - 20 * seed, (N, 3, 8, 8), dtype=torch.uint8, generator=rng)

        def __len__(self) -> int:
            return N

        def __getitem__(self, index: int) -> torch.Tensor:
            return self.images[index]

    monkeypatch.setitem(FEATURE_EXTRACTORS_REGISTRY, "projection", Projection)
    a, b = Images(1), Images(2)
    theirs = torch_fidelity.calculate_metrics(
        input1=a, input2=b, fid=True, kid=True, prc=True, kid_subset_size=N, cuda=False, verbose=False,
        feature_extractor="projection", save_cpu_ram=True, cache=False,
    )  # fmt: skip
    ours = scores(*(Features(x.images.float().flatten(1) @ projection, torch.zeros(N, K)) for x in (a, b)))
    assert ours["fid"] == pytest.approx(theirs["frechet_inception_distance"], rel=1e-4)
    assert ours["kid_mean"] == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-4)
    assert ours["precision"] == pytest.approx(theirs["precision"], abs=1e-6)
    assert ours["recall"] == pytest.approx(theirs["recall"], abs=1e-6)
