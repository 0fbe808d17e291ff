"""Scores of the generator's images while it trains."""

from __future__ import annotations

from typing import Any

import lightning as L
import torch
from lightning.pytorch.utilities import rank_zero_only

from ssgan.callbacks.schedule import is_due
from ssgan.checks import positive
from ssgan.errors import ConfigError
from ssgan.inference.trained import load
from ssgan.networks.fixed_statistics import with_fixed_statistics
from ssgan.scoring.extractors import ClassifierExtractor
from ssgan.scoring.scores import Features, require_enough, require_library, scores
from ssgan.training.average import in_use


class SampleScore(L.Callback):
    """Logs FID, KID, Inception Score, precision and recall every ``every`` iterations, as ``samples/…``.

    The features are those of a trained classifier, see ``python -m ssgan.score``; its training images are what samples
    are compared with; of an ensemble they are the first member's. Nothing of it is part of the module or of a
    checkpoint, and the run's random state is left alone.

    Args:
        extractor: a run's folder or a checkpoint; best trained on all labels.
        every: iterations between two scores.
        samples: how many are drawn for each.
        seed: of their z.

    Raises:
        ConfigError: no extractor is named, torch-fidelity is not installed, or so few images would say nothing.
    """

    def __init__(self, extractor: str | None, every: int, samples: int = 1000, seed: int = 0) -> None:
        if not extractor:
            raise ConfigError("callbacks.score.extractor: name a run whose features samples are scored by")
        for name, value in (("every", every), ("samples", samples)):
            positive(f"callbacks.score.{name}", value)
        require_library()
        require_enough(samples=samples)
        self.path = extractor
        self.every = every
        self.samples = samples
        self.seed = seed
        self._extractor: ClassifierExtractor | None = None
        self._real: Features | None = None

    def on_fit_start(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """Load the extractor and look at the real images."""
        if trainer.is_global_zero:
            model = load(self.path, str(module.device))
            self._extractor = ClassifierExtractor(model)
            images = model.images().all_training_images()
            require_enough(training_images=len(images))
            self._real = self._extractor(images)

    def on_train_batch_end(
        self, trainer: L.Trainer, module: L.LightningModule, outputs: Any, batch: Any, *_: Any
    ) -> None:
        """Score at every multiple of ``every``."""
        if is_due(trainer, batch, self.every):
            self._score(trainer, module)

    @rank_zero_only
    @torch.no_grad()
    def _score(self, trainer: L.Trainer, module: Any) -> None:
        if not module.objective.g_steps:
            return  # a supervised run trains no generator
        assert self._extractor is not None and self._real is not None
        network = in_use(module.generator, module.generator_average)
        generator = with_fixed_statistics(module.members.apart(network)[0])
        z = generator.draw_z(self.samples, torch.Generator().manual_seed(self.seed)).to(module.device)
        images = torch.cat([module.scale.to_pixels(generator(part)).cpu() for part in z.split(500)])
        found = scores(self._extractor(images), self._real)
        for logger in trainer.loggers:
            logger.log_metrics({f"samples/{key}": value for key, value in found.items()}, step=trainer.global_step)
