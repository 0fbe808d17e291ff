"""Training techniques, one file each: the seam it fills and the formula that fills it.

A further technique needs a dataclass derived from :class:`Trick` (anywhere that Python can import) and a file
``conf/trick/<name>.yaml`` that names it; nothing else has to know of it.
"""

from ssgan.tricks.base import Trick
from ssgan.tricks.conditional_entropy import ConditionalEntropy
from ssgan.tricks.consistency import Consistency
from ssgan.tricks.feature_matching import FeatureMatching
from ssgan.tricks.historical_averaging import HistoricalAveraging
from ssgan.tricks.interpolation_consistency import InterpolationConsistency
from ssgan.tricks.label_smoothing import LabelSmoothing
from ssgan.tricks.manifold_regularisation import ManifoldRegularisation
from ssgan.tricks.marginal_entropy import MarginalEntropy
from ssgan.tricks.minibatch_discrimination import MinibatchDiscrimination
from ssgan.tricks.pull_away import PullAway
from ssgan.tricks.rotation_prediction import RotationPrediction
from ssgan.tricks.spectral_norm import SpectralNorm
from ssgan.tricks.trick_set import TrickSet
from ssgan.tricks.variational_entropy import VariationalEntropy
from ssgan.tricks.virtual_adversarial import VirtualAdversarial
from ssgan.tricks.virtual_batch_norm import VirtualBatchNorm

__all__ = [
    "ConditionalEntropy",
    "Consistency",
    "FeatureMatching",
    "HistoricalAveraging",
    "InterpolationConsistency",
    "LabelSmoothing",
    "ManifoldRegularisation",
    "MarginalEntropy",
    "MinibatchDiscrimination",
    "PullAway",
    "RotationPrediction",
    "SpectralNorm",
    "Trick",
    "TrickSet",
    "VariationalEntropy",
    "VirtualAdversarial",
    "VirtualBatchNorm",
]
