"""Weights & Biases: one run for each job, closed whatever becomes of the job."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import wandb
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities import rank_zero_only
from wandb.sdk.lib.module import unset_globals

from ssgan.checks import one_of
from ssgan.errors import ConfigError, SSGANError
from ssgan.machine.processes import first_process

log = logging.getLogger(__name__)

#: Seconds after which a server that does not answer is given up at the start.
INIT_TIMEOUT = 30.0

#: The exit code that wandb itself gives a run that Ctrl-C ends, and that it gets here for a signal too.
INTERRUPTED = 255

#: Seconds that the end of a run waits for a server that has gone away. What is not uploaded by then lies in the run's
#: folder ``wandb``; ``wandb sync`` uploads it.
FINISH_TIMEOUT = 300.0


class RunWandbLogger(WandbLogger):
    """Lightning's WandbLogger, which starts its run at once and can be finished.

    A run that is resumed in its folder goes on as the same W&B run: ``wandb_id.txt`` in the folder keeps its id.

    Args:
        save_dir: folder in which wandb keeps its files.
        mode: ``online``, ``offline`` or ``disabled``; only ``online`` needs an account.
        log_model: whether checkpoints become artifacts when the training has ended, or ``all`` as they are written.
        options: further arguments of ``wandb.init``.

    Raises:
        ConfigError: if nobody is logged in and ``mode`` is ``online``.
        SSGANError: if wandb cannot start a run.
    """

    def __init__(self, save_dir: str, mode: str = "online", log_model: Any = False, **options: Any) -> None:
        one_of("wandb.mode", mode, ("online", "offline", "disabled"))
        one_of("wandb.log_model", log_model, (False, True, "all"))
        settings = _settings(**(options.pop("settings", None) or {}))
        self._id_file = Path(save_dir, "wandb_id.txt")
        options = {"id": _kept_id(self._id_file), "settings": settings, **options}
        super().__init__(save_dir=save_dir, mode=mode, log_model=log_model, reinit="finish_previous", **options)
        self._lost = False
        self._wandb_init.pop("anonymous", None)  # Lightning passes it, wandb warns of it
        if first_process():  # Lightning knows the rank once there is a trainer
            self._start(mode)

    def _start(self, mode: str) -> None:
        try:
            if mode == "online" and not wandb.login(prompt=False, verify=False):
                raise ConfigError("logger=wandb: nobody is logged in; run `wandb login`, or set wandb.mode=offline")
            made = self.experiment.id  # wandb's own choice, or that of an agent which started this process
            if _kept_id(self._id_file) is None:
                self._id_file.parent.mkdir(parents=True, exist_ok=True)
                self._id_file.write_text(f"{made}\n")
        except (wandb.Error, OSError) as error:
            raise SSGANError(
                f"logger=wandb: {(str(error) or repr(error)).splitlines()[0]}; wandb.mode=offline needs no server"
            ) from error

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Add the configuration, and ``techniques`` as one word to group runs by."""
        if isinstance(params, dict) and "trick" in params:
            params = {**params, "techniques": _techniques(params)}
        with self._going_on():
            super().log_hyperparams(params, *args, **kwargs)

    def log_metrics(self, *args: Any, **kwargs: Any) -> None:
        """Log a row."""
        with self._going_on():
            super().log_metrics(*args, **kwargs)

    def log_image(self, *args: Any, **kwargs: Any) -> None:
        """Log images."""
        with self._going_on():
            super().log_image(*args, **kwargs)

    def after_save_checkpoint(self, checkpoint_callback: Any) -> None:
        """Upload the checkpoint, or note it for the end; ``latest`` is then the one that was written last."""
        self._checkpoint_callbacks.pop(id(checkpoint_callback), None)
        with self._going_on():
            super().after_save_checkpoint(checkpoint_callback)

    def finalize(self, status: str) -> None:
        """Upload what is noted."""
        with self._going_on():
            super().finalize(status)

    @rank_zero_only
    def finish_after(self, ended_by: BaseException | None = None) -> None:
        """End the run, so that the next job of a sweep gets one of its own; ``ended_by`` is what its job raised."""
        exit_code = 0 if ended_by is None else 1 if isinstance(ended_by, Exception) else INTERRUPTED
        with self._going_on():
            self.experiment.finish(exit_code=exit_code)
        if self._lost:  # what is left of it would be taken for the next job's run
            with self._going_on():
                wandb.teardown()
            unset_globals()

    @contextmanager
    def _going_on(self) -> Iterator[None]:
        """Training goes on without W&B if wandb's own process is gone; a server that is gone it waits for itself."""
        try:
            yield
        except Exception as error:
            # What wandb raises then has no class in common, but it is wandb's or the system's; a defect is neither.
            if not isinstance(error, OSError) and type(error).__module__.partition(".")[0] != "wandb":
                raise
            if not self._lost:
                log.warning("logger=wandb: %s; training goes on without it", str(error) or repr(error))
            self._lost = True


def _settings(**given: Any) -> wandb.Settings:
    """Bounds on the time to wait for a server, where the user gives none."""
    bounds: dict[str, Any] = {"init_timeout": INIT_TIMEOUT, "finish_timeout": FINISH_TIMEOUT}
    return wandb.Settings(**(bounds | given))


def _techniques(config: Mapping[str, Any]) -> str:
    """The techniques of a configuration, or that it knows the labels alone."""
    names = "+".join(sorted(config["trick"] or {})) or "none"
    alone = not (config.get("objective") or {}).get("unlabelled_weight", 1)
    return f"labels alone ({names})" if alone else names


def _kept_id(path: Path) -> str | None:
    """The id of the W&B run that the folder belongs to; None before there is one."""
    return (path.read_text().strip() or None) if path.is_file() else None
