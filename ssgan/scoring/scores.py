"""The scores, each by torch-fidelity, of features that have been computed already."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ssgan.errors import ConfigError

#: Subsets of a KID and the images in each (Bińkowski et al. 2018), fewer where there are fewer images.
KID_SUBSETS, KID_SIZE = 100, 1000

#: Parts over which the Inception Score is averaged (in the code of Salimans et al. 2016).
IS_SPLITS = 10

#: The neighbour whose distance is the radius of an image's ball (Kynkäänniemi et al. 2019).
NEIGHBOUR = 3


class Features(NamedTuple):
    """What an extractor says of n images: ``features`` ``[n, d]`` and ``logits`` ``[n, classes]``, on the CPU."""

    features: Tensor
    logits: Tensor


def require_enough(**images: int) -> None:
    """Refuse to score so few images that the scores would say nothing.

    Args:
        images: how many there are, by what they are.

    Raises:
        ConfigError: names those that are too few.
    """
    for name, count in images.items():
        if count < 2 * IS_SPLITS:
            what = name.replace("_", " ")
            raise ConfigError(
                f"scores of {count} {what} say nothing; it takes {2 * IS_SPLITS} or more, better thousands"
            )


def require_library() -> None:
    """Refuse to go on to scores that nothing could compute.

    Raises:
        ConfigError: torch-fidelity, or what is needed of it, is not installed.
    """
    try:
        for score in ("fid", "isc", "kid", "prc"):
            import_module(f"torch_fidelity.metric_{score}")
    except ImportError as error:
        raise ConfigError("scores need torch-fidelity: pip install 'ssgan[score]'") from error


def scores(generated: Features, real: Features) -> dict[str, float]:
    """``fid``, ``kid_mean``, ``kid_std``, ``is_mean``, ``is_std``, ``precision`` and ``recall``.

    Args:
        generated: of the images to be judged.
        real: of the images they are compared with.

    Raises:
        ConfigError: torch-fidelity is not installed, or there are too few images.
    """
    require_library()
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
    from torch_fidelity.metric_isc import isc_features_to_metric
    from torch_fidelity.metric_kid import kid_features_to_metric
    from torch_fidelity.metric_prc import prc_features_to_metric

    fewest = min(len(generated.features), len(real.features))
    require_enough(images=fewest)
    ours, theirs = generated.features.double(), real.features.double()
    statistics = [fid_features_to_statistics(features) for features in (ours, theirs)]
    size = min(KID_SIZE, fewest)
    options: dict[str, Any] = {"kid_subsets": KID_SUBSETS, "kid_subset_size": size, "verbose": False}
    kid = kid_features_to_metric(ours, theirs, **options)
    inception = isc_features_to_metric(generated.logits, IS_SPLITS)
    neighbours = prc_features_to_metric(
        generated.features.float(), real.features.float(), prc_neighborhood=NEIGHBOUR, verbose=False
    )
    return {
        "fid": float(fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]),
        "kid_mean": kid["kernel_inception_distance_mean"],
        "kid_std": kid["kernel_inception_distance_std"],
        "is_mean": inception["inception_score_mean"],
        "is_std": inception["inception_score_std"],
        "precision": float(torch.as_tensor(neighbours["precision"])),
        "recall": float(torch.as_tensor(neighbours["recall"])),
    }
