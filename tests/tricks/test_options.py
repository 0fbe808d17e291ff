"""Options of techniques: their defaults are the paper's, and wrong ones are refused in one line."""

from __future__ import annotations

import dataclasses
import math

import pytest
from omegaconf import OmegaConf

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
from tests.runs import REPOSITORY, options

#: What the sources of the techniques used, or what README and their YAML files say where there is no one value.
DEFAULTS = {
    FeatureMatching: {"norm": "l2"},
    HistoricalAveraging: {"weight": 1.0},
    LabelSmoothing: {"alpha": 0.9},
    MinibatchDiscrimination: {"kernels": 100, "dim": 5, "include_self": False},
    VirtualBatchNorm: {"reference_size": None, "eps": 1e-5},
    ConditionalEntropy: {"weight": 0.1},
    Consistency: {"weight": 1.0, "ramp": 0.0, "teacher": "average", "second_view": "teacher", "confidence": 0.0}
    | {"flip": False, "shift": 0, "rotate": 0.0, "scale": 0.0, "shear": 0.0},
    InterpolationConsistency: {"weight": 1.0, "ramp": 0.0, "alpha": 1.0},
    ManifoldRegularisation: {"weight": 1e-3, "epsilon": 20.0},
    MarginalEntropy: {"weight": 1.0},
    PullAway: {"weight": 0.8},
    RotationPrediction: {"weight": 1.0, "generator_weight": 0.2},
    SpectralNorm: {"iterations": 10},
    VariationalEntropy: {"weight": 0.01},
    VirtualAdversarial: {"epsilon": 1.0, "weight": 1.0, "xi": 0.1, "iterations": 1},
}

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


def test_every_technique_has_its_row() -> None:
    assert {of.__name__ for of in DEFAULTS} == {_class(name) for name in options("trick") if name != "none"}


@pytest.mark.parametrize("of", DEFAULTS, ids=lambda of: of.__name__)
def test_the_defaults_are_those_of_the_sources_in_python_and_in_yaml(of: type) -> None:
    assert dataclasses.asdict(of()) == DEFAULTS[of]
    (name,) = (name for name in options("trick") if name != "none" and _class(name) == of.__name__)
    written = dict(_yaml(name))
    assert written.pop("_target_") == f"ssgan.tricks.{of.__name__}"
    resolved = {key: value for key, value in written.items() if "${" not in str(value)}
    assert resolved == {key: DEFAULTS[of][key] for key in resolved} and written.keys() == DEFAULTS[of].keys()
    for key in written.keys() - resolved.keys():  # the network's recipe decides; otherwise the same default
        assert str(written[key]).endswith(f",{DEFAULTS[of][key]}}}")


def _yaml(name: str) -> dict[str, object]:
    text = (REPOSITORY / "conf" / "trick" / f"{name}.yaml").read_text()
    return OmegaConf.to_container(OmegaConf.create(text), resolve=False)[name]


def _class(name: str) -> str:
    return str(_yaml(name)["_target_"]).rpartition(".")[2]
