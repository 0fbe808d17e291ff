"""A trained model on its own: the classifier, the generator, and what they were trained on."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ssgan.config import TrainConfig
from ssgan.data.images import ImageData
from ssgan.data.options import DataOptions
from ssgan.errors import ConfigError, DataError
from ssgan.inference.ensemble_logits import of_mean_probabilities
from ssgan.inference.given_images import GivenImages, as_pixels
from ssgan.inference.read_ahead import ImageForm
from ssgan.inference.stored_module import load_module
from ssgan.losses import realness
from ssgan.module import SemiSupervisedGAN
from ssgan.networks.discriminator import Discriminator
from ssgan.networks.fixed_statistics import with_fixed_statistics
from ssgan.networks.generator import Generator
from ssgan.training.average import in_use

log = logging.getLogger(__name__)

#: Images in a batch if they are small, and pixels if they are large.
_BATCH_IMAGES, _BATCH_PIXELS = 1000, 1000 * 32 * 32


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the K+1-class discriminator says of n images."""

    labels: Tensor
    """``[n]``, the most probable class."""
    probabilities: Tensor
    """``[n, K]``, ``p(y | x, y ≤ K)``."""
    realness: Tensor
    """``[n]``, ``D(x) = 1 − p(y = K+1 | x)``: near 0 for what looks generated, or like nothing in the training set."""
    classes: tuple[str, ...] = ()
    """The names of the K classes."""

    @classmethod
    def from_logits(cls, logits: Tensor, classes: Sequence[str] = ()) -> Prediction:
        """From K logits ``[n, K]``, in float32 whatever their precision."""
        logits = logits.float()
        return cls(logits.argmax(1), logits.softmax(1), realness(logits), tuple(classes))

    @property
    def names(self) -> list[str]:
        """The name of each image's most probable class."""
        return [self.classes[label] for label in self.labels.tolist()]

    def __len__(self) -> int:
        return len(self.labels)


class TrainedModel:
    """The averaged classifier and the generator of a checkpoint, ready for use; an ensemble is one classifier.

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
        self.data_checksum: str | None = module.description.get("data_checksum")

    @property
    def form(self) -> ImageForm:
        """The images that the network takes, and how files are brought to it: as for the training."""
        return ImageForm(*self.image_shape, resize=getattr(self.config.data, "resize", "crop"))

    @property
    def batch_size(self) -> int:
        """Images in a batch unless another number is given: 1000, or fewer large ones."""
        _, height, width = self.image_shape
        return max(1, min(_BATCH_IMAGES, _BATCH_PIXELS // (height * width)))

    @property
    def knows_classes(self) -> bool:
        """Whether D has learned the classes: not without labels, where only D(x) and the samples mean something."""
        return self.config.objective.labelled_weight > 0

    def __repr__(self) -> str:
        kind = "ensemble" if self.config.run.ensemble else "classifier"
        return f"<{kind} of {len(self.classes)} classes, images {self.image_shape}, from {self.path}>"

    # --- classify ----------------------------------------------------------------------------------------------------

    @torch.inference_mode()
    def logits(self, pixels: Tensor, batch_size: int | None = None) -> Tensor:
        """Logits ``[n, K]``, on the CPU, of uint8 images ``[n, channels, height, width]``.

        Raises:
            DataError: the images have another shape or type.
        """
        parts = [self._logits(part).cpu() for part in as_pixels(pixels, self.form).split(batch_size or self.batch_size)]
        return torch.cat(parts)

    def predict(self, images: GivenImages, batch_size: int | None = None) -> Prediction:
        """Class, probabilities and D(x) of images.

        Args:
            images: a path or a PIL image of any size and mode, or several of them; or a uint8 array
                ``(n, height, width[, channels])`` or uint8 tensor ``(n, channels, height, width)`` of the network's
                own size.
            batch_size: images that are computed together.

        Raises:
            DataError: the images are something else, or a file cannot be read.
        """
        return Prediction.from_logits(self.logits(as_pixels(images, self.form), batch_size), self.classes)

    @torch.inference_mode()
    def predict_each(self, batches: Iterable[Tensor]) -> Iterator[Prediction]:
        """The prediction for each batch of uint8 images ``[n, channels, height, width]``.

        A GPU already works on the next batch while the caller deals with the last.
        """
        pending: deque[Callable[[], Tensor]] = deque()
        for batch in batches:
            pending.append(self._on_the_way(self._logits(batch)))
            if len(pending) > 1:
                yield Prediction.from_logits(pending.popleft()(), self.classes)
        for logits in pending:
            yield Prediction.from_logits(logits(), self.classes)

    def _on_the_way(self, logits: Tensor) -> Callable[[], Tensor]:
        """Begin to copy to the host; what waits for the copy, but not for work that a GPU is given after it."""
        if logits.device.type != "cuda":
            return logits.cpu
        copy, there = logits.to("cpu", non_blocking=True), torch.cuda.Event()
        there.record()

        def wait() -> Tensor:
            there.synchronize()
            return copy

        return wait

    def _logits(self, pixels: Tensor) -> Tensor:
        """Logits on the device. No images have no logits."""
        if not len(pixels):
            return torch.empty(0, len(self.classes), device=self.device)
        logits = self.module.classify(pixels.to(self.device, non_blocking=True)).float()
        if logits.ndim == 2:
            return logits
        return of_mean_probabilities(logits.cpu() if logits.device.type == "mps" else logits)  # which has no float64

    @property
    def classifier(self) -> Discriminator:
        """The averaged discriminator.

        Raises:
            ConfigError: the run trained an ensemble of them.
        """
        self.require_single()
        network: Any = self.module.average.network
        return network

    def require_single(self) -> None:
        """Refuse an ensemble where one network is needed.

        Raises:
            ConfigError: names the members.
        """
        if self.config.run.ensemble is not None:
            raise ConfigError(
                f"{self.path}: this is an ensemble; name one of its members, members/1 to"
                f" members/{self.config.run.ensemble} in its folder"
            )

    # --- generate ----------------------------------------------------------------------------------------------------

    @cached_property
    def generator(self) -> Generator:
        """The generator in use, or its average, as a map of each z to its own image; not yet in pixels.

        Raises:
            ConfigError: the run trained none.
        """
        if not self.config.objective.g_steps:
            raise ConfigError(f"{self.path}: this is a supervised run, it has no trained generator")
        self.require_single()
        return with_fixed_statistics(in_use(self.module.generator, self.module.generator_average))

    def draw_z(self, n: int, seed: int = 0) -> Tensor:
        """n draws of z, ``[n, z_dim]`` in [0, 1), on the CPU; fewer of the same seed are the first of them."""
        return self.module.generator.draw_z(n, torch.Generator().manual_seed(seed))

    def sample(self, n: int, seed: int = 0, batch_size: int | None = None) -> Tensor:
        """n generated uint8 images ``[n, channels, height, width]``; the same seed gives the same images."""
        return self.decode(self.draw_z(n, seed), batch_size)

    @torch.inference_mode()
    def decode(self, z: Tensor, batch_size: int | None = None) -> Tensor:
        """The generator's uint8 images for z ``[n, z_dim]`` in [0, 1), each independent of the others."""
        generator, to_pixels = self.generator, self.module.scale.to_pixels
        parts = z.split(batch_size or self.batch_size) if len(z) else ()
        images = [to_pixels(generator(part.to(self.device))).cpu() for part in parts]
        return torch.cat(images) if images else torch.empty(0, *self.image_shape, dtype=torch.uint8)

    # --- data --------------------------------------------------------------------------------------------------------

    def data_options(self, place: str | None = None) -> DataOptions:
        """The options of the data set, with the place where it lies now.

        Args:
            place: as in :meth:`images`.

        Raises:
            ConfigError: a place is given of a data set that lies in no folder.
        """
        options = self.config.data
        if place is not None and not options.in_a_folder:
            raise ConfigError(f"--data={place}: data={options.name} lies in no folder; leave --data out")
        here = os.environ.get("SSGAN_DATA")
        if place is not None:
            moved: dict[str, Any] = {"path" if hasattr(options, "path") else "root": place}
            return replace(options, **moved)
        if here and not (options.root and Path(options.root).is_dir()):
            return replace(options, root=here)
        return options

    def images(self, place: str | None = None) -> ImageData:
        """The data set that the model was trained on, read again.

        Args:
            place: where it lies now, if it has been moved: what ``data.path`` would be, or else ``data.root``. Without
                it the environment variable SSGAN_DATA takes the place of a ``data.root`` that is not there.

        Raises:
            ConfigError: a place is given of a data set that lies in no folder.
            DataError: it is not there any more, or its images have another size or its classes other names now, or
                there are other images and the test ones are chosen among them.
        """
        options = self.data_options(place)
        try:
            data = options.load()
        except DataError as error:
            there = place or getattr(options, "path", None)  # what is wrong is said; it has not been moved
            moved_away = place is None and not (there and Path(there).exists())
            hint = "; if the images have been moved, --data says where they lie now" if moved_away else ""
            raise DataError(f"{error}{hint}") from error
        if data.shape != self.image_shape or data.classes != self.classes:
            raise DataError(f"{self.path}: the data set has other images or classes now than it had for the training")
        if self.data_checksum not in (None, data.checksum()):
            change = f"{self.path}: the data set has other images or labels now than it had for the training"
            if taken := getattr(options, "num_test", 0):
                raise DataError(f"{change}, of which data.num_test={taken} would now take some for the test")
            log.warning("%s", change)
        return data


def load(run: str | Path, device: str = "auto") -> TrainedModel:
    """The trained model of a run folder or checkpoint file.

    No code in the file is executed. Classes that it names, such as a technique of one's own, are imported.

    Args:
        run: a run's folder (its ``checkpoints/last.ckpt`` is taken) or a checkpoint.
        device: ``cpu``, ``cuda``, …; ``auto`` takes an accelerator if there is one.

    Raises:
        ConfigError: there is no checkpoint, it is not a whole one of this project, a class that it names cannot be
            imported, or the device is not there.
    """
    place = find_device(device)
    return TrainedModel(*load_module(run), place)


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
