"""Weights & Biases: one run for each job, closed whatever becomes of the job."""

from __future__ import annotations

from typing import Any

import wandb
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities import rank_zero_only

from ssgan.checks import one_of
from ssgan.errors import ConfigError, SSGANError


class RunWandbLogger(WandbLogger):
    """Lightning's WandbLogger, which starts its run at once and can be closed.

    Args:
        save_dir: folder in which wandb keeps its files.
        mode: ``online``, ``offline`` or ``disabled``; only ``online`` needs an account.
        options: further arguments of ``wandb.init``.

    Raises:
        ConfigError: if nobody is logged in and ``mode`` is ``online``.
        SSGANError: if wandb cannot start a run.
    """

    def __init__(self, save_dir: str, mode: str = "online", **options: Any) -> None:
        one_of("wandb.mode", mode, ("online", "offline", "disabled"))
        super().__init__(save_dir=save_dir, mode=mode, reinit="finish_previous", **options)
        self._wandb_init.pop("anonymous", None)  # Lightning passes it, wandb warns of it
        self._start(mode)

    @rank_zero_only
    def _start(self, mode: str) -> None:
        if mode == "online" and not wandb.login(prompt=False):
            raise ConfigError("logger=wandb: nobody is logged in; run `wandb login`, or set wandb.mode=offline")
        try:
            _ = self.experiment
        except (wandb.Error, OSError) as error:
            raise SSGANError(
                f"logger=wandb: {str(error).splitlines()[0]}; wandb.mode=offline needs no server"
            ) from error

    @rank_zero_only
    def close(self, failed: bool = False) -> None:
        """End the run, so that the next job of a sweep gets one of its own."""
        self.experiment.finish(exit_code=int(failed))
