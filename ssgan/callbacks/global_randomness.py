"""The state of PyTorch's own random generator, so that a resumed run goes on with it too."""

from __future__ import annotations

from typing import Any

import lightning as L
import torch
from torch import Tensor


class GlobalRandomness(L.Callback):
    """Keeps PyTorch's global generators in checkpoints.

    The project draws from generators of its own, but a network or technique of the user's may draw from these, as
    ``torch.nn.Dropout`` does.
    """

    def __init__(self) -> None:
        self._device = torch.device("cpu")
        self._resumed: dict[str, Tensor] = {}

    def state_dict(self) -> dict[str, Any]:
        """The state of the host's generator, and of the GPU's if the run is on one."""
        gpu = {"cuda": torch.cuda.get_rng_state(self._device)} if self._device.type == "cuda" else {}
        return {"cpu": torch.get_rng_state(), **gpu}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep the states until training begins; what comes before may draw too."""
        self._resumed = state_dict

    def on_train_start(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """Go on from where the checkpoint was written."""
        self._device = trainer.strategy.root_device
        if "cpu" in self._resumed:
            torch.set_rng_state(self._resumed["cpu"])
        if "cuda" in self._resumed and self._device.type == "cuda":
            torch.cuda.set_rng_state(self._resumed["cuda"], self._device)
        self._resumed = {}
