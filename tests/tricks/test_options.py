"""Options of techniques: their defaults are the paper's, and wrong ones are refused in one line."""

from __future__ import annotations

import math

import pytest

from ssgan.errors import ConfigError
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
    VariationalEntropy,
    VirtualAdversarial,
    VirtualBatchNorm,
)

WRONG = [
    (FeatureMatching, {"norm": "l3"}, "trick.feature_matching.norm=l3"),
    (FeatureMatching, {"norm": None}, "trick.feature_matching.norm=None"),
    (HistoricalAveraging, {"weight": -1.0}, "trick.historical_averaging.weight=-1.0"),
    (HistoricalAveraging, {"weight": math.nan}, "trick.historical_averaging.weight=nan"),
    (LabelSmoothing, {"alpha": 1.1}, "trick.label_smoothing.alpha=1.1"),
    (LabelSmoothing, {"alpha": -0.1}, "trick.label_smoothing.alpha=-0.1"),
    (LabelSmoothing, {"alpha": math.nan}, "trick.label_smoothing.alpha=nan"),
    (MinibatchDiscrimination, {"kernels": 0}, "trick.minibatch_discrimination.kernels=0"),
    (MinibatchDiscrimination, {"dim": -5}, "trick.minibatch_discrimination.dim=-5"),
    (VirtualBatchNorm, {"reference_size": 0}, "trick.virtual_batch_norm.reference_size=0"),
    (VirtualBatchNorm, {"eps": 0.0}, "trick.virtual_batch_norm.eps=0.0"),
    (ConditionalEntropy, {"weight": -0.1}, "trick.conditional_entropy.weight=-0.1"),
    (Consistency, {"weight": math.nan}, "trick.consistency.weight=nan"),
    (Consistency, {"teacher": "mean"}, "trick.consistency.teacher=mean"),
    (Consistency, {"second_view": "both"}, "trick.consistency.second_view=both"),
    (Consistency, {"shift": -1}, "trick.consistency.shift=-1"),
    (InterpolationConsistency, {"weight": -1.0}, "trick.interpolation_consistency.weight=-1.0"),
    (InterpolationConsistency, {"ramp": 1.5}, "trick.interpolation_consistency.ramp=1.5"),
    (InterpolationConsistency, {"alpha": 0.0}, "trick.interpolation_consistency.alpha=0.0"),
    (ManifoldRegularisation, {"weight": -1e-3}, "trick.manifold_regularisation.weight=-0.001"),
    (ManifoldRegularisation, {"epsilon": 0.0}, "trick.manifold_regularisation.epsilon=0.0"),
    (MarginalEntropy, {"weight": -1.0}, "trick.marginal_entropy.weight=-1.0"),
    (PullAway, {"weight": -1.0}, "trick.pull_away.weight=-1.0"),
    (RotationPrediction, {"weight": -1.0}, "trick.rotation_prediction.weight=-1.0"),
    (RotationPrediction, {"generator_weight": -0.2}, "trick.rotation_prediction.generator_weight=-0.2"),
    (SpectralNorm, {"iterations": 0}, "trick.spectral_norm.iterations=0"),
    (VariationalEntropy, {"weight": -0.01}, "trick.variational_entropy.weight=-0.01"),
    (VirtualAdversarial, {"epsilon": 0.0}, "trick.virtual_adversarial.epsilon=0.0"),
    (VirtualAdversarial, {"weight": -1.0}, "trick.virtual_adversarial.weight=-1.0"),
    (VirtualAdversarial, {"xi": 0.0}, "trick.virtual_adversarial.xi=0.0"),
    (VirtualAdversarial, {"iterations": 0}, "trick.virtual_adversarial.iterations=0"),
]


@pytest.mark.parametrize(("trick", "options", "start"), WRONG, ids=[start for _, _, start in WRONG])
def test_a_wrong_option_is_refused_in_one_line(trick, options, start):
    with pytest.raises(ConfigError) as error:
        trick(**options)
    assert str(error.value).startswith(start + ": ") and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("trick", "options"),
    [
        (FeatureMatching, {"norm": "l1"}),
        (HistoricalAveraging, {"weight": 0.0}),
        (LabelSmoothing, {"alpha": 0.0}),
        (LabelSmoothing, {"alpha": 1.0}),
        (MinibatchDiscrimination, {"kernels": 1, "dim": 1, "include_self": True}),
        (VirtualBatchNorm, {"reference_size": 1, "eps": 1e-12}),
        (ConditionalEntropy, {"weight": 0.0}),
        (Consistency, {"weight": 0.0, "teacher": "live", "shift": 0}),
        (InterpolationConsistency, {"weight": 0.0, "ramp": 1.0, "alpha": 1e-3}),
        (MarginalEntropy, {"weight": 0.0}),
        (PullAway, {"weight": 0.0}),
        (RotationPrediction, {"weight": 0.0, "generator_weight": 0.0}),
        (SpectralNorm, {"iterations": 1}),
        (VariationalEntropy, {"weight": 0.0}),
        (VirtualAdversarial, {"weight": 0.0, "iterations": 1}),
    ],
)
def test_values_at_the_bounds_are_valid(trick, options):
    made = trick(**options)
    assert {name: getattr(made, name) for name in options} == options
