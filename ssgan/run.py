"""One training run, from a typed configuration to ``result.json``."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import lightning as L
from lightning.pytorch.loggers import Logger

from ssgan.build import build_model
from ssgan.callbacks import LastCheckpoint
from ssgan.config import TrainConfig, build
from ssgan.data.ensemble import EnsembleData
from ssgan.data.images import ImageData
from ssgan.data.module import SemiSupervisedData
from ssgan.failures import told_in_one_line
from ssgan.machine.hardware import check_accelerator, check_cuda_graphs
from ssgan.machine.precision import check_precision, set_matmul_precision
from ssgan.machine.processes import end_processes
from ssgan.machine.processor import prepared_processor
from ssgan.module import SemiSupervisedGAN
from ssgan.run_folder.checkpoint import (
    Resumed,
    check_data,
    check_left_behind,
    check_length,
    check_resumable,
    how_to_go_on,
    remove_requeued,
)
from ssgan.run_folder.lock import occupied
from ssgan.run_folder.member_runs import check_members, write_members
from ssgan.run_folder.result import show, summarise, write
from ssgan.run_folder.status import RunStatus, end_noted
from ssgan.trainer import build_trainer, quieten

log = logging.getLogger(__name__)

#: Images from which the networks' start values are taken.
START_IMAGES = 500


def run(config: TrainConfig, quiet: bool = False, callbacks: Sequence[L.Callback] = ()) -> dict[str, Any]:
    """Train, test, and write ``result.json``; return what it holds.

    Args:
        config: of the run.
        quiet: do not print the result.
        callbacks: further ones than the configuration names.

    Raises:
        SSGANError: see the parts; in particular TrainingDiverged.
    """
    quieten()
    check_accelerator(config.trainer.accelerator)
    check_precision(config.trainer.precision, config.trainer.matmul_precision, config.trainer.accelerator)
    check_cuda_graphs(config.trainer.cuda_graphs, config.trainer.accelerator)
    resumed: Resumed | None = None
    if config.run.ckpt_path is not None:
        resumed = check_resumable(config.run.ckpt_path, config.resolved)
        check_left_behind(config)
        check_members(config)
    L.seed_everything(config.run.seed, verbose=False)  # for what is not ours; ours has explicit generators
    with (
        prepared_processor(config.trainer.threads),
        occupied(config.run_dir),
        end_noted(config.run_dir),
        told_in_one_line(config),
    ):
        images = config.data.load()
        checksum = images.checksum()
        if resumed:
            check_data(resumed, checksum)
        with open_loggers(config.logger) as loggers:
            return _train_and_test(config, images, checksum, loggers, quiet, resumed, callbacks)


def _train_and_test(
    config: TrainConfig,
    images: ImageData,
    checksum: str,
    loggers: list[Logger],
    quiet: bool,
    resumed: Resumed | None,
    callbacks: Sequence[L.Callback],
) -> dict[str, Any]:
    """What :func:`run` does once the options are known to be possible."""
    options, objective = config.trainer, config.objective
    streams: dict[str, Any] = {
        "d_steps": objective.d_steps,
        "g_steps": objective.g_steps,
        "test_curve": options.test_curve,
        "iterations_per_batch": options.iterations_per_batch,
    }
    data: SemiSupervisedData | EnsembleData
    if config.run.ensemble is None:
        data = SemiSupervisedData(images, config.data, config.run.seed, **streams)
    else:
        data = EnsembleData(images, config.data, config.run.seed, config.run.ensemble, **streams)
    model = build_model(config, images.shape, images.classes, data.num_labels)
    parameters = sum(p.numel() for player in model.players.values() for p in player.parameters())
    set_matmul_precision(options.matmul_precision, parameters)
    model.description["data_checksum"] = checksum
    if not resumed:
        model.initialise(data.start_images(START_IMAGES))
    trainer = build_trainer(config, loggers, data.train_dataloader().iterations, callbacks)
    data.check_processes(trainer.world_size)
    if resumed:
        check_length(resumed, trainer.max_steps)
    for logger in loggers:
        logger.log_hyperparams(config.resolved)
    with _ended_together(trainer, model):
        trainer.fit(model, data, ckpt_path=config.run.ckpt_path, weights_only=True)
        for callback in trainer.checkpoint_callbacks:
            if isinstance(callback, LastCheckpoint):
                callback.complete(trainer)
        if trainer.is_global_zero:
            remove_requeued(config.run_dir)
        trainer.strategy.barrier()
        model.final_test = True
        trainer.test(model, data, verbose=False)
    result = summarise(config, trainer, model, data)
    if trainer.is_global_zero:
        if config.run.ensemble is not None:
            write_members(config, result, model.errors.latest)
        write(result, config.run_dir)  # last: where it is, all is there
        RunStatus("done", trainer.global_step, trainer.max_steps, result["seconds"]).write(config.run_dir)
        if not quiet:
            show(result, config.run_dir)
    return result


@contextmanager
def _ended_together(trainer: L.Trainer, model: SemiSupervisedGAN) -> Iterator[None]:
    """If this process fails, end those that it has started, which would wait for it for ever.

    During the training a signal reaches all of them, and they are given time to end by themselves; before and after it
    only this process hears of it.
    """
    try:
        yield
    except BaseException as error:
        agreed = not isinstance(error, SystemExit) or (model.stopwatch.started and not model.final_test)
        end_processes(getattr(trainer.strategy.launcher, "procs", []), patience=10.0 if agreed else 0.0)
        if isinstance(error, SystemExit) and model.final_test and trainer.is_global_zero:
            log.warning("stopped in the final test%s", how_to_go_on(trainer.default_root_dir))
        raise


@contextmanager
def open_loggers(nodes: dict[str, Any]) -> Iterator[list[Logger]]:
    """The chosen loggers; at the end ``finish_after(error)`` is called where there is one: None after a success."""
    loggers: list[Logger] = []
    ended_by: BaseException | None = None
    try:
        for name, node in nodes.items():
            loggers.append(build(node, Logger, f"logger.{name}"))
        yield loggers
    except BaseException as error:
        ended_by = error
        raise
    finally:
        try:
            with ExitStack() as ending:  # each is told, also after one that fails
                for logger in loggers:
                    if hasattr(logger, "finish_after"):
                        ending.callback(logger.finish_after, ended_by)
        except Exception as error:
            if ended_by is None:
                raise
            log.warning("a logger could not be ended: %s", error)  # what ended the run is told all the same
