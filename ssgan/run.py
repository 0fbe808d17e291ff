"""One training run, from a typed configuration to ``result.json``."""

from __future__ import annotations

import inspect
import logging
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import lightning as L
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.loggers import Logger

from ssgan.build import build_model
from ssgan.callbacks import GlobalRandomness, Interruption, LastCheckpoint, StatusFile
from ssgan.callbacks.interruption import how_to_go_on
from ssgan.callbacks.monitors import check_monitors
from ssgan.callbacks.recorded import check_recorded
from ssgan.config import TrainConfig, build
from ssgan.data.ensemble import EnsembleData
from ssgan.data.images import ImageData
from ssgan.data.module import SemiSupervisedData
from ssgan.errors import ConfigError
from ssgan.failures import told_in_one_line
from ssgan.machine.hardware import check_accelerator, check_cuda_graphs
from ssgan.machine.precision import check_precision, set_matmul_precision
from ssgan.machine.processes import end_processes
from ssgan.machine.processor import prepared_processor
from ssgan.module import SemiSupervisedGAN
from ssgan.run_folder.checkpoint import check_data, check_left_behind, check_length, check_resumable, remove_requeued
from ssgan.run_folder.checkpoint_file import AtomicCheckpointIO
from ssgan.run_folder.lock import occupied
from ssgan.run_folder.member_runs import check_members, write_members
from ssgan.run_folder.result import show, summarise, write
from ssgan.run_folder.status import RunStatus, end_noted
from ssgan.training.no_profiler import NoProfiler
from ssgan.training.shared_gradients import PlayersDDP

log = logging.getLogger(__name__)

#: Of Lightning's options those that make no sense here, and what does.
OURS = {
    "accumulate_grad_batches": "each player steps at each batch; data.batch_size makes it larger",
    "gradient_clip_val": "each player's gradient is clipped by optim.clip_norm",
    "gradient_clip_algorithm": "each player's gradient is clipped by optim.clip_norm",
    "fast_dev_run": "debug=fast is a short run",
    "limit_train_batches": "the length of a run is trainer.max_iterations",
    "limit_val_batches": "the error is that of all images",
    "limit_test_batches": "the error is that of all images",
    "overfit_batches": "a small set is data.num_labels=N",
}

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
    resumed = None
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
        if config.run.ckpt_path is not None and resumed is not None:
            check_data(config.run.ckpt_path, resumed, checksum)
        with open_loggers(config.logger) as loggers:
            return train_and_test(config, images, checksum, loggers, quiet, resumed, callbacks)


def train_and_test(
    config: TrainConfig,
    images: ImageData,
    checksum: str,
    loggers: list[Logger],
    quiet: bool,
    resumed: dict[str, Any] | None = None,
    callbacks: Sequence[L.Callback] = (),
) -> dict[str, Any]:
    """What :func:`run` does once the options are known to be possible; ``resumed`` is the checkpoint to go on from."""
    options, objective = config.trainer, config.objective
    how = (objective.d_steps, objective.g_steps, options.test_curve, options.iterations_per_batch)
    data: SemiSupervisedData | EnsembleData
    if config.run.ensemble is None:
        data = SemiSupervisedData(images, config.data, config.run.seed, *how)
    else:
        data = EnsembleData(images, config.data, config.run.seed, config.run.ensemble, *how)
    model = build_model(config, images.shape, images.classes, data.num_labels)
    parameters = sum(p.numel() for player in model.players.values() for p in player.parameters())
    set_matmul_precision(options.matmul_precision, parameters)
    model.description["data_checksum"] = checksum
    if config.run.ckpt_path is None:
        model.initialise(data.start_images(START_IMAGES))
    trainer = build_trainer(config, loggers, data.train_dataloader().iterations, callbacks)
    data.check_processes(trainer.world_size)
    if config.run.ckpt_path is not None and resumed is not None:
        check_length(config.run.ckpt_path, resumed, trainer.max_steps)
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


def build_trainer(
    config: TrainConfig, loggers: list[Logger], iterations_per_epoch: int, callbacks: Sequence[L.Callback] = ()
) -> L.Trainer:
    """Lightning's trainer with the chosen callbacks; ``max_iterations`` outranks ``max_epochs``."""
    options = config.trainer
    iterations = options.max_iterations or options.max_epochs * iterations_per_epoch
    trainer = partial(
        L.Trainer,
        default_root_dir=config.run_dir,
        accelerator=options.accelerator,
        devices=options.devices,
        strategy=PlayersDDP() if options.strategy == "ddp" else options.strategy,
        num_nodes=options.num_nodes,
        precision=options.precision,  # type: ignore[arg-type]
        max_epochs=math.ceil(iterations / iterations_per_epoch),
        max_steps=iterations,
        val_check_interval=options.eval_every // options.iterations_per_batch,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        log_every_n_steps=1,  # the module says itself what is logged when
        enable_checkpointing=True,
        enable_progress_bar="progress" in config.callbacks,
        enable_model_summary=False,
        use_distributed_sampler=False,
        deterministic=options.deterministic,
        plugins=[AtomicCheckpointIO()],
        callbacks=[
            StatusFile(config.run_dir),
            GlobalRandomness(),
            *(build(node, L.Callback, f"callbacks.{name}") for name, node in config.callbacks.items()),
            *callbacks,
            Interruption(options.log_every),  # last: it may end the run
        ],
        logger=loggers,
    )
    if ours := sorted(options.lightning.keys() & {*trainer.keywords, *OURS}):
        instead = OURS.get(ours[0], "it is set by an option of trainer")
        raise ConfigError(f"trainer.lightning.{ours[0]}: {instead}")
    known = inspect.signature(L.Trainer).parameters
    for name, value in options.lightning.items():  # Lightning takes any value, and some have no effect until training
        if name in known and known[name].annotation in (bool, bool | None) and value not in (True, False, None):
            raise ConfigError(f"trainer.lightning.{name}={value}: must be true or false")
    try:
        built = trainer(**{"profiler": NoProfiler(), **options.lightning})
    except (MisconfigurationException, TypeError, ValueError, RuntimeError) as error:  # the last: SLURM's variables
        raise ConfigError(f"trainer: {error}") from error
    every: list[L.Callback] = built.callbacks  # type: ignore[attr-defined]
    check_monitors(every, config.data.num_val)
    check_recorded(every, options.cuda_graphs)
    return built


@contextmanager
def _ended_together(trainer: L.Trainer, model: SemiSupervisedGAN) -> Iterator[None]:
    """Whatever ends this process ends those that it has started, which may wait for it without end.

    In the training all of them hear of a signal, and it is told there; before and after it only this one.
    """
    try:
        yield
    except BaseException as error:
        agreed = not isinstance(error, SystemExit) or (model.started and not model.final_test)
        end_processes(getattr(trainer.strategy.launcher, "procs", []), patience=10.0 if agreed else 0.0)
        if isinstance(error, SystemExit) and model.final_test and trainer.is_global_zero:
            log.warning("stopped in the final test%s", how_to_go_on(trainer.default_root_dir))
        raise


@contextmanager
def open_loggers(nodes: dict[str, Any]) -> Iterator[list[Logger]]:
    """The chosen loggers; those that can be closed are, or told to finish and by which error the run ended."""
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
            with ExitStack() as closing:  # each is closed, also after one that cannot be
                for logger in loggers:
                    if hasattr(logger, "finish_after"):
                        closing.callback(logger.finish_after, ended_by)
                    elif hasattr(logger, "close"):
                        closing.callback(logger.close)
        except Exception as error:
            if ended_by is None:
                raise
            log.warning("a logger could not be closed: %s", error)  # what ended the run is told all the same


def quieten() -> None:
    """Keep Lightning's tips and remarks on what this project does on purpose out of the output."""
    for name in (
        "pytorch.utilities.rank_zero",
        "pytorch.accelerators.cuda",
        "pytorch.trainer.connectors.checkpoint_connector",
        "fabric.utilities.distributed",
    ):
        logging.getLogger(f"lightning.{name}").setLevel(logging.WARNING)
    for message in (
        r".*does not have many workers.*",
        r".*LeafSpec.*",
        r".*is not empty.*",
        r".*across ranks is zero.*",
        r".*all_gather.*",
        r".*GPU available but not used.*",  # trainer=cpu was asked for
        r".*callbacks used to create the checkpoint.*",  # a resumed run may have others
        r".*without CUDA graph capture.*",  # of the first iterations, which are not replayed yet
    ):
        warnings.filterwarnings("ignore", message)
