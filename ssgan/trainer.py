"""Lightning's trainer as a run needs it, and what it leaves unsaid."""

from __future__ import annotations

import inspect
import logging
import math
import warnings
from collections.abc import Sequence
from functools import partial

import lightning as L
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.loggers import Logger

from ssgan.callbacks import GlobalRandomness, Interruption, StatusFile
from ssgan.callbacks.monitors import check_monitors
from ssgan.callbacks.recorded import check_recorded
from ssgan.config import TrainConfig, build
from ssgan.errors import ConfigError
from ssgan.run_folder.checkpoint_file import AtomicCheckpointIO
from ssgan.training.no_profiler import NoProfiler
from ssgan.training.shared_gradients import PlayersDDP

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
    "max_steps": "the length of a run is trainer.max_iterations",
    "val_check_interval": "the iterations between two evaluations are trainer.eval_every",
    "log_every_n_steps": "the iterations between two rows of the log are trainer.log_every",
    "callbacks": "they are chosen by callbacks=[…]",
    "enable_progress_bar": "the bar is callbacks=progress",
    "enable_checkpointing": "checkpoints are callbacks=checkpoints",
    "logger": "loggers are chosen by logger=[…]",
    "default_root_dir": "the folder is hydra.run.dir",
}


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
        other = f"it is trainer.{ours[0]}" if hasattr(options, ours[0]) else "it cannot be another than the project's"
        instead = OURS.get(ours[0], other)
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
