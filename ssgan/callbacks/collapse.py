"""Says when the generator has collapsed to one image."""

from __future__ import annotations

import logging
from typing import Any

import lightning as L
import torch
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor

from ssgan.callbacks.schedule import is_due
from ssgan.checks import in_range, positive
from ssgan.data.streams import IterationBatch
from ssgan.networks.at_inference import at_inference

log = logging.getLogger(__name__)


class CollapseWarning(L.Callback):
    """Warns, once for each, in one line, if the generated or the real images of a batch hardly differ from each other.

    The spread of a batch is the standard deviation of each pixel over its images, averaged over the pixels. It tells a
    generator that draws one image whatever z is; one that draws a few images well is not noticed. An ensemble is judged
    by its worst member. A look is one small pass of G, best made where a row of the log is written, for which the
    losses are fetched from the device anyway.

    Args:
        every: iterations between two looks.
        threshold: smallest spread of generated images, as a fraction of that of real ones. Healthy runs of the digits
            stay above 0.1 from the first iteration on.
    """

    def __init__(self, every: int, threshold: float = 0.02) -> None:
        positive("callbacks.collapse.every", every)
        in_range("callbacks.collapse.threshold", threshold, 0.0, 1.0)
        self.every = every
        self.threshold = threshold
        self._seen: set[str] = set()
        self._low = False

    @rank_zero_only
    def on_train_batch_end(
        self, trainer: L.Trainer, module: Any, outputs: Any, batch: list[IterationBatch], batch_idx: int
    ) -> None:
        """Look at every multiple of ``every``."""
        if not is_due(trainer, batch, self.every) or not module.objective.g_steps or len(self._seen) == 2:
            return
        if batch[-1].unlabelled.shape[-4] < 2:  # one image differs from none
            return
        pairs = zip(module.members.split(batch[-1].unlabelled[-1]), self._generated(module, batch[-1]), strict=True)
        spreads = [(spread(real), spread(fake)) for real, fake in pairs]
        real, fake = min(spreads, key=lambda pair: pair[1] / pair[0] if pair[0] else 0.0)
        if real == 0:
            self._warn("real", f"iteration {trainer.global_step}: the real images of a batch are all the same")
        low = real > 0 and fake < self.threshold * real
        if low and self._low:  # twice in succession: no accident of one batch
            self._warn(
                "generated",
                f"iteration {trainer.global_step}: the generator has collapsed: its images differ by {fake / real:.2%}"
                " of what real ones do; feature_matching or minibatch_discrimination, or a lower optim.lr, prevent it",
            )
        self._low = low

    @torch.no_grad()
    def _generated(self, module: Any, batch: IterationBatch) -> list[Tensor]:
        """As many images by each member as there are real ones; the run's random state is not touched."""
        rng = torch.Generator(module.device).manual_seed(0)
        z = module.members.shared(module.generator.draw_z(batch.unlabelled.shape[-4], rng), dims=2)
        with at_inference(module.generator) as generator:
            images = module.members.call(lambda generator, z: generator(z), [generator], z)
        return module.members.split(module.scale.to_pixels(images))

    def _warn(self, kind: str, line: str) -> None:
        if kind not in self._seen:
            log.warning(line)
        self._seen.add(kind)


def spread(images: Tensor) -> float:
    """Mean over the pixels of their standard deviation over a batch of uint8 images ``[n, c, h, w]``."""
    return float(images.float().std(0, correction=0).mean())
