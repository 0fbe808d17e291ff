"""One job of a sweep: left out if it is done, taken up where it was cut off, and kept from touching the next."""

from __future__ import annotations

import functools
import gc
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from ssgan.commands.unused_folder import leave_as_it_was
from ssgan.config import TrainConfig
from ssgan.error_lines import MENDABLE, WRONG_OPTIONS, describe
from ssgan.errors import DataError
from ssgan.machine.cores import cpu_count
from ssgan.machine.processes import first_process
from ssgan.resolvers import in_sweep
from ssgan.run_folder.status import RunStatus, read_status
from ssgan.sweeping.earlier import finished_result, unfinished_checkpoint
from ssgan.sweeping.refusal import check_one_device
from ssgan.sweeping.stopping import sigterm_ends

log = logging.getLogger(__name__)


def jobs_at_once() -> int:
    """How many jobs the launcher runs at the same time on this machine."""
    launcher: Any = HydraConfig.get().launcher
    if launcher._target_.endswith(".SlurmLauncher"):  # SLURM gives each job cores of its own
        return 1
    n = launcher.get("n_jobs") or launcher.get("array_parallelism") or 1
    return n if n > 0 else cpu_count()  # joblib's −1


def prepare(config: TrainConfig) -> dict[str, Any] | None:
    """Share the processor, show no progress, and take up what an earlier start left: a result, or a checkpoint.

    Raises:
        ConfigError: the folder holds another run, or the job would start processes that start the sweep again.
    """
    check_one_device(config)
    trainer, jobs = config.trainer, jobs_at_once()
    if trainer.threads is None and jobs > 1 and "OMP_NUM_THREADS" not in os.environ:  # joblib sets it for its processes
        trainer.threads = max(cpu_count() // jobs, 1)
    config.callbacks = {name: node for name, node in config.callbacks.items() if name != "progress"}
    result = finished_result(config)
    if result is None and config.run.ckpt_path is None:
        config.run.ckpt_path = unfinished_checkpoint(config)
    return result


def contained(job: Callable[[DictConfig], Any]) -> Callable[[DictConfig], Any]:
    """Decorate a Hydra job so that its end is written down; in a sweep its failure is its own and the next one runs."""

    @functools.wraps(job)
    def run(cfg: DictConfig) -> Any:
        run_dir = HydraConfig.get().runtime.output_dir
        before = read_status(run_dir)
        try:
            with sigterm_ends(), isolated() if in_sweep() else nullcontext():
                return job(cfg)
        except Exception as error:
            known = isinstance(error, MENDABLE)
            line = describe(error) or type(error).__name__
            refused = known and read_status(run_dir) == before  # before it began
            if refused and not in_sweep() and (before is not None or isinstance(error, (*WRONG_OPTIONS, DataError))):
                leave_as_it_was(Path(run_dir), Path(HydraConfig.get().runtime.cwd))
                raise
            state = "failed"
            if refused and before is not None:  # what lies there is what it was; the refusal stands beside it
                state = "interrupted" if before.state == "running" else before.state
            _end(run_dir, state, line if known else f"{type(error).__name__}: {line}")
            if not in_sweep():
                raise
            if not known:
                log.exception("The job ended on a defect")
            if HydraConfig.get().sweeper._target_.endswith(".BasicSweeper"):
                return None  # it would only pass the error on; a sweeper that searches has to know of it
            raise
        except BaseException as end:
            last = read_status(run_dir)
            if last is None or last.state != "done":  # the result is there; what was cut off only showed it
                _end(run_dir, "interrupted", None)
            if isinstance(end.__context__, KeyboardInterrupt):  # Lightning makes a failure of it, status 1
                raise KeyboardInterrupt from None
            if isinstance(end, SystemExit):  # Lightning's own kind would have the sweep's process import Lightning
                raise SystemExit(end.code) from None
            raise

    return run


def _end(run_dir: str, state: str, error: str | None) -> None:
    """Write how a run ended, beside how far it had come; a disk that is full has not to hide why it ended.

    A further process of the run, which hears late or never why the first one ended, does not say otherwise.
    """
    last = read_status(run_dir) or RunStatus("running")
    if not first_process() and last.state in ("done", "interrupted"):
        return
    with suppress(OSError):
        RunStatus(state, last.iteration, last.iterations, last.seconds, error).write(run_dir)


@contextmanager
def isolated() -> Iterator[None]:
    """Undo what a job does to its process: environment, warning filters, memory on the GPU.

    Seeds need no undoing, for every job sets its own; a W&B run is closed by its logger.
    """
    environment = dict(os.environ)
    try:
        with warnings.catch_warnings():
            yield
    finally:
        for name in os.environ.keys() - environment.keys():
            del os.environ[name]
        os.environ.update(environment)
        gc.collect()
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_initialized():
            torch.cuda.empty_cache()
