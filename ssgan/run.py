"""One training run, from a typed configuration to ``result.json``."""

from __future__ import annotations

import json
import logging
import platform
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import hydra
import lightning as L
import torch
from rich.console import Console
from rich.table import Table

import ssgan
from ssgan.config import TrainConfig
from ssgan.data.images import ImageData
from ssgan.data.module import SemiSupervisedData
from ssgan.errors import ConfigError
from ssgan.hardware import check_precision, describe_hardware
from ssgan.layers import PixelScale
from ssgan.module import SemiSupervisedGAN

#: Images from which the networks' start values are taken.
START_IMAGES = 500


def run(config: TrainConfig) -> dict[str, Any]:
    """Train, test, and write ``result.json``; return what it holds.

    Raises:
        SSGANError: see the parts; in particular TrainingDiverged.
    """
    quieten()
    check_precision(config.trainer.precision, config.trainer.accelerator)
    ckpt_path = find_checkpoint(config.run.ckpt_path, config.run_dir)
    L.seed_everything(config.run.seed, verbose=False)  # for what is not ours; ours has explicit generators
    images = config.data.load()
    data = SemiSupervisedData(
        images,
        config.data,
        config.run.seed,
        config.objective.d_steps,
        config.objective.g_steps,
        config.trainer.test_curve,
    )
    model = build_model(config, images, data.num_labels)
    if ckpt_path is None:
        model.initialise(data.start_images(START_IMAGES))
    trainer = build_trainer(config)
    for logger in trainer.loggers:
        logger.log_hyperparams(config.resolved)
    trainer.fit(model, data, ckpt_path=ckpt_path, weights_only=True)
    trainer.test(model, data, verbose=False)
    result = summarise(config, trainer, model, data)
    if trainer.is_global_zero:
        Path(config.run_dir, "result.json").write_text(json.dumps(result, indent=2) + "\n")
        show(result, config.run_dir)
    return result


def build_model(config: TrainConfig, images: ImageData, num_labels: int) -> SemiSupervisedGAN:
    """The networks and their training module for a data set; start values not yet set."""
    model, batch_size = config.model, config.data.batch_size
    discriminator = model.build_discriminator(images.shape, images.num_classes, config.tricks, batch_size)
    if discriminator.reference_size:  # room for what a checkpoint brings
        discriminator.set_reference(torch.zeros(discriminator.reference_size, *images.shape))
    return SemiSupervisedGAN(
        model.build_generator(images.shape, config.tricks, batch_size),
        discriminator,
        PixelScale(model.pixel_offset, model.pixel_divisor),
        config.tricks,
        config.objective,
        config.optim,
        seed=config.run.seed,
        augmentation=config.data.augment,
        log_every=config.trainer.log_every,
        description={
            "version": ssgan.__version__,
            "config": config.resolved,
            "classes": list(images.classes),
            "image_shape": list(images.shape),
            "num_labels": num_labels,
        },
    )


def build_trainer(config: TrainConfig) -> L.Trainer:
    """Lightning's trainer with the chosen callbacks and loggers."""
    options = config.trainer
    return L.Trainer(
        default_root_dir=config.run_dir,
        accelerator=options.accelerator,
        devices=options.devices,
        strategy=options.strategy,
        num_nodes=options.num_nodes,
        precision=options.precision,  # type: ignore[arg-type]
        max_epochs=-1 if options.max_iterations else options.max_epochs,
        max_steps=options.max_iterations or -1,
        val_check_interval=options.eval_every,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        enable_checkpointing=True,
        enable_progress_bar="progress" in config.callbacks,
        enable_model_summary=False,
        use_distributed_sampler=False,
        callbacks=[hydra.utils.instantiate(node) for node in config.callbacks.values()],
        logger=[hydra.utils.instantiate(node) for node in config.logger.values()],
    )


def find_checkpoint(ckpt_path: str | None, run_dir: str) -> str | None:
    """The checkpoint to resume: a file, a run folder's ``last.ckpt``, or for ``last`` that of this run folder.

    Raises:
        ConfigError: if there is none.
    """
    if ckpt_path is None:
        return None
    path = Path(run_dir) if ckpt_path == "last" else Path(ckpt_path).expanduser()
    if path.is_dir():
        path = path / "checkpoints" / "last.ckpt"
    if not path.is_file():
        hint = "; set hydra.run.dir to the folder of the run to resume" if ckpt_path == "last" else ""
        raise ConfigError(f"ckpt_path={ckpt_path}: there is no checkpoint {path}{hint}")
    return str(path)


def quieten() -> None:
    """Keep Lightning's tips and remarks on what this project does on purpose out of the output."""
    for name in ("lightning.pytorch.utilities.rank_zero", "lightning.pytorch.accelerators.cuda"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in (r".*does not have many workers.*", r".*`isinstance\(treespec, LeafSpec\)`.*", r".*is not empty.*"):
        warnings.filterwarnings("ignore", message)


def summarise(
    config: TrainConfig,
    trainer: L.Trainer,
    model: SemiSupervisedGAN,
    data: SemiSupervisedData,
) -> dict[str, Any]:
    """What ``result.json`` holds, after a test."""
    size = len(data.images.y_test)
    errors = round(float(trainer.callback_metrics["test/error"]) * size)
    result = {
        "test_error": errors / size,
        "test_errors": errors,
        "test_size": size,
        "num_labels": data.num_labels,
        "num_val": len(data.val[1]),
        "num_unlabelled": len(data.unlabelled),
        "seed": config.run.seed,
        "data_seed": config.data.seed,
        "data": config.data.name,
        "objective": "semi_supervised" if config.objective.unlabelled_weight else "supervised",
        "tricks": config.tricks.names,
        "iterations": trainer.global_step,
        "seconds": round(model.seconds, 3),
        "iterations_per_second": round(trainer.global_step / max(model.seconds, 1e-9), 3),
        "parameters": {name: sum(p.numel() for p in network.parameters()) for name, network in model.players.items()},
        "hardware": describe_hardware(trainer.strategy.root_device),
        "processes": trainer.world_size,
        "precision": config.trainer.precision,
        "versions": {
            "python": platform.python_version(),
            "ssgan": ssgan.__version__,
            **{name: version(name) for name in ("torch", "lightning", "torchvision")},
        },
        "overrides": config.overrides,
    }
    if "val/error" in trainer.callback_metrics:
        result["val_error"] = round(float(trainer.callback_metrics["val/error"]), 6)
    return result


def show(result: dict[str, Any], run_dir: str) -> None:
    """Print the result."""
    table = Table(show_header=False, box=None)
    table.add_row("test error", f"{result['test_error']:.2%}  ({result['test_errors']} of {result['test_size']})")
    table.add_row("labels", f"{result['num_labels']} of {result['data']}, data.seed={result['data_seed']}")
    table.add_row("techniques", ", ".join(result["tricks"]) or "none")
    table.add_row("iterations", f"{result['iterations']} in {result['seconds']:.1f} s")
    table.add_row("folder", run_dir)
    Console().print(table)
