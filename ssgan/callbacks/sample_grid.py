"""Grids of generated images from fixed noise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.loggers import TensorBoardLogger, WandbLogger
from lightning.pytorch.utilities import rank_zero_only
from torchvision.transforms.functional import to_pil_image

from ssgan.callbacks.schedule import is_due
from ssgan.checks import positive
from ssgan.pictures import draw_grid, save_png


class SampleGrid(L.Callback):
    """Writes ``samples/<iteration>.png`` every ``every`` iterations and at the end, and gives it to the loggers.

    The noise is the same each time and does not touch the run's random state.

    Args:
        dirpath: folder of the pictures.
        every: iterations between two pictures.
        rows, columns: of the grid.
        seed: of the noise.
    """

    def __init__(self, dirpath: str, every: int, rows: int = 10, columns: int = 10, seed: int = 0) -> None:
        for name, value in (("every", every), ("rows", rows), ("columns", columns)):
            positive(f"callbacks.samples.{name}", value)
        self.folder = Path(dirpath)
        self.every = every
        self.rows = rows
        self.columns = columns
        self.seed = seed
        self._drawn = -1

    def on_train_batch_end(
        self, trainer: L.Trainer, module: L.LightningModule, outputs: Any, batch: Any, *_: Any
    ) -> None:
        """Draw at every multiple of ``every``."""
        if is_due(trainer, batch, self.every):
            self._draw(trainer, module)

    def on_train_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """Draw the final samples."""
        if trainer.global_step != self._drawn:
            self._draw(trainer, module)

    @rank_zero_only
    @torch.no_grad()
    def _draw(self, trainer: L.Trainer, module: Any) -> None:
        if not module.objective.g_steps:
            return  # a supervised run trains no generator
        self._drawn = trainer.global_step
        rng = torch.Generator(module.device).manual_seed(self.seed)
        images = module.sample(module.generator.draw_z(self.rows * self.columns, rng)).cpu()
        grid = draw_grid(images, self.columns)
        save_png(grid, self.folder / f"{trainer.global_step:07d}.png")
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image("samples", grid, trainer.global_step)
            elif isinstance(logger, WandbLogger):
                step = trainer.global_step
                # A picture of Pillow's: versions of wandb differ in the range of values that they expect of a tensor.
                logger.log_image("samples", [to_pil_image(grid)], step=step, caption=[f"iteration {step}"])
