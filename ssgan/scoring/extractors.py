"""What turns images into features: a classifier of the same data, or the Inception network of the literature."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ssgan.errors import ConfigError, DataError
from ssgan.inference.trained import TrainedModel
from ssgan.scoring.scores import Features


class Extractor(Protocol):
    """Features of uint8 images, under a ``name`` that says whose; ``weights`` tells networks of one name apart."""

    name: str
    weights: str

    def __call__(self, images: Tensor) -> Features:
        """Features and logits of uint8 images ``[n, channels, height, width]``."""


def digest(network: nn.Module) -> str:
    """Twelve hexadecimal digits that other weights would not have."""
    found = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        found.update(name.encode() + value.detach().cpu().numpy().tobytes())
    return found.hexdigest()[:12]


class ClassifierExtractor:
    """The features before the last layer of a trained classifier, and its K logits.

    Args:
        model: best trained on all labels of the data set (``objective=supervised``).
    """

    def __init__(self, model: TrainedModel) -> None:
        self.model = model
        network = type(model.config.model).__name__.lower()
        self.name = f"{model.config.data.name}-{network}"
        self.weights = digest(model.classifier)

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Features:
        """Features and logits.

        Raises:
            DataError: the images have another shape than the classifier takes.
        """
        if images.shape[1:] != self.model.image_shape:
            raise DataError(
                f"{self.model.path}: this extractor takes images of shape {self.model.image_shape}, not"
                f" {tuple(images.shape[1:])}"
            )
        module = self.model.module
        outputs = [
            self.model.classifier(module.scale(part.to(self.model.device)))
            for part in images.split(self.model.batch_size)
        ]
        return Features(*(torch.cat([output[i].cpu() for output in outputs]) for i in (1, 0)))


class InceptionExtractor:
    """Inception v3 with the weights of the FID's reference implementation, by torch-fidelity.

    Images are resized to 299 × 299 as that implementation does it; grey ones get three equal channels.

    Args:
        weights: torch-fidelity's ``pt_inception-2015-12-05-*.pth``; None downloads it.
        device: where to compute.

    Raises:
        ConfigError: the file is not such a file.
    """

    name = "inception"

    def __init__(self, weights: Path | None, device: torch.device) -> None:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

        if weights is not None and not weights.is_file():
            raise ConfigError(f"--inception={weights}: there is no such file")
        try:
            self.network: Any = FeatureExtractorInceptionV3(
                "inception-v3-compat", ["2048", "logits_unbiased"], None if weights is None else str(weights)
            )
        except OSError as error:
            raise ConfigError(
                f"Inception's weights cannot be downloaded ({error}); give a file by --inception FILE, or leave it out"
            ) from error
        except Exception as error:  # whatever a file that is something else makes torch raise
            raise ConfigError(f"--inception={weights}: no weights of Inception v3 for torch-fidelity") from error
        self.network = self.network.to(device).eval()
        self.weights = digest(self.network)
        self.device = device

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Features:
        """Features ``[n, 2048]`` and logits ``[n, 1008]``."""
        parts = [self.network(part.to(self.device).expand(-1, 3, -1, -1)) for part in images.split(64)]
        return Features(*(torch.cat([part[i].float().cpu() for part in parts]) for i in (0, 1)))
