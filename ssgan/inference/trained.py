"""A trained model on its own: the classifier, the generator, and what they were trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
from omegaconf import OmegaConf
from torch import Tensor

from ssgan.build import build_model
from ssgan.checkpoint import read_checkpoint
from ssgan.config import TrainConfig, parse
from ssgan.data.images import ImageData
from ssgan.errors import ConfigError, DataError
from ssgan.module import SemiSupervisedGAN


class Prediction(NamedTuple):
    """What the K+1-class discriminator says of n images.

    ``labels`` ``[n]``, the most probable class; ``probabilities`` ``[n, K]``, ``p(y | x, y ≤ K)``; ``realness``
    ``[n]``, ``D(x) = 1 − p(y = K+1 | x)``, near 0 for what looks generated.
    """

    labels: Tensor
    probabilities: Tensor
    realness: Tensor

    @classmethod
    def from_logits(cls, logits: Tensor) -> Prediction:
        """From K logits ``[n, K]``, in float32 whatever their precision."""
        logits = logits.float()
        return cls(logits.argmax(1), logits.softmax(1), logits.logsumexp(1).sigmoid())


class TrainedModel:
    """The averaged classifier and the generator of a checkpoint, ready for use.

    Args:
        module: the training module with the checkpoint's values.
        config: the run's configuration.
        path: the checkpoint.
        device: where to compute.
    """

    def __init__(self, module: SemiSupervisedGAN, config: TrainConfig, path: Path, device: torch.device) -> None:
        self.module = module.to(device).eval().requires_grad_(False)
        self.config = config
        self.path = path
        self.device = device
        self.classes: tuple[str, ...] = tuple(module.description["classes"])
        self.image_shape: tuple[int, int, int] = tuple(module.description["image_shape"])

    @torch.inference_mode()
    def logits(self, pixels: Tensor, batch_size: int = 1000) -> Tensor:
        """Logits ``[n, K]``, on the CPU, of uint8 images ``[n, channels, height, width]``."""
        self._check(pixels)
        parts = [self.module.classify(part.to(self.device)).float().cpu() for part in pixels.split(batch_size)]
        return torch.cat(parts) if parts else torch.empty(0, len(self.classes))

    def predict(self, pixels: Tensor, batch_size: int = 1000) -> Prediction:
        """Class, probabilities and D(x) of uint8 images ``[n, channels, height, width]``."""
        return Prediction.from_logits(self.logits(pixels, batch_size))

    @torch.inference_mode()
    def sample(self, n: int, seed: int = 0, batch_size: int = 1000) -> Tensor:
        """n generated uint8 images ``[n, channels, height, width]``; the same seed gives the same images."""
        rng = torch.Generator().manual_seed(seed)  # on the CPU: the same z on every device
        return self.decode(self.module.generator.draw_z(n, rng), batch_size)

    @torch.inference_mode()
    def decode(self, z: Tensor, batch_size: int = 1000) -> Tensor:
        """The generator's uint8 images for z ``[n, z_dim]`` in [0, 1)."""
        parts = [self.module.sample(part.to(self.device)).cpu() for part in z.split(batch_size)]
        return torch.cat(parts) if parts else torch.empty(0, *self.image_shape, dtype=torch.uint8)

    def images(self) -> ImageData:
        """The data set that the model was trained on, read again.

        Raises:
            DataError: if it is not there any more, or its images or classes are others now.
        """
        data = self.config.data.load()
        if data.shape != self.image_shape or data.classes != self.classes:
            raise DataError(f"{self.path}: the data set has other images or classes now than it had for the training")
        return data

    def _check(self, pixels: Tensor) -> None:
        if pixels.dtype != torch.uint8 or pixels.shape[1:] != self.image_shape:
            raise ValueError(
                f"images must be uint8 of shape (n, {', '.join(map(str, self.image_shape))}),"
                f" not {str(pixels.dtype).removeprefix('torch.')} of shape {tuple(pixels.shape)}"
            )


def load(run: str | Path, device: str = "auto") -> TrainedModel:
    """The trained model of a run folder or checkpoint file; no pickled code is executed.

    Args:
        run: a run's folder (its ``checkpoints/last.ckpt`` is taken) or a checkpoint.
        device: ``cpu``, ``cuda``, …; ``auto`` takes an accelerator if there is one.

    Raises:
        ConfigError: there is no checkpoint, it is not a whole one of this project, or the device is not there.
    """
    path = checkpoint_path(run)
    checkpoint = read_checkpoint(str(path))
    described: dict[str, Any] = checkpoint["ssgan"]
    saved = {**described["config"], "callbacks": {}, "logger": {}, "ckpt_path": None}
    config = parse(OmegaConf.create(saved), run_dir=str(path.parent), overrides=[])
    module = build_model(config, tuple(described["image_shape"]), described["classes"], described["num_labels"])
    module.load_state_dict(checkpoint["state_dict"])
    return TrainedModel(module, config, path, find_device(device))


def checkpoint_path(run: str | Path) -> Path:
    """The checkpoint that a run folder or file name means."""
    path = Path(run).expanduser()
    if path.is_dir():
        path = path / "checkpoints" / "last.ckpt"
    if not path.is_file():
        raise ConfigError(f"{run}: there is no checkpoint {path}")
    return path


def find_device(name: str) -> torch.device:
    """The device of that name; ``auto`` is the accelerator, or else the CPU."""
    if name == "auto":
        return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(f"device={name}: {str(error).splitlines()[0]}") from error
    return device
