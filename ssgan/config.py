"""The typed configuration: what each key means, which values it takes, and how a composed Hydra config becomes it.

Nothing here imports torch, so that a wrong option is refused at once.
"""

from __future__ import annotations

import importlib
import importlib.resources
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ssgan.data.options import DataOptions
from ssgan.errors import ConfigError, SSGANError
from ssgan.networks.architecture import Architecture
from ssgan.resolvers import register_resolvers
from ssgan.training_options import Objective, Optim, RunOptions, TrainerOptions
from ssgan.tricks import Trick, TrickSet

register_resolvers()


@dataclass
class TrainConfig:
    """A whole run. ``callbacks`` and ``logger`` are Hydra nodes with a ``_target_`` each, by name."""

    run: RunOptions
    run_dir: str
    overrides: list[str]  # as given on the command line
    data: DataOptions
    model: Architecture
    tricks: TrickSet
    objective: Objective
    optim: Optim
    trainer: TrainerOptions
    callbacks: dict[str, Any]
    logger: dict[str, Any]
    resolved: dict[str, Any]  # the composed configuration as plain values, saved with the model


#: Parts of a configuration; logger=wandb brings the last one.
KEYS = (
    "callbacks",
    "ckpt_path",
    "data",
    "ensemble",
    "logger",
    "model",
    "objective",
    "optim",
    "seed",
    "trainer",
    "trick",
    "wandb",
)


def config_folder() -> Path:
    """Where the Hydra configuration lies: inside the installed package, or beside it in a checkout."""
    package = Path(str(importlib.resources.files("ssgan")))
    return next((folder for folder in (package / "conf", package.parent / "conf") if folder.is_dir()), package / "conf")


def parse(cfg: DictConfig, run_dir: str, overrides: list[str], cwd: str = "") -> TrainConfig:
    """Check a composed configuration and make it typed.

    Args:
        cfg: the composition, without its ``hydra`` node.
        run_dir: the run's folder.
        overrides: as given on the command line.
        cwd: where the command was given, which paths in it start from: with ``hydra.job.chdir=true`` no longer the
            process's working folder.

    Raises:
        ConfigError: one line that names the wrong key or value and the valid ones.
    """
    _refuse_repetition(overrides)
    resolved: Any = _resolve(cfg)
    if unknown := [key for key in resolved if key not in KEYS]:
        raise ConfigError(f"no key '{unknown[0]}' in the configuration; it has {', '.join(KEYS)}")
    if left_out := [key for key in ("data", "model", "objective", "optim", "trainer") if resolved.get(key) is None]:
        raise ConfigError(
            f"the configuration has no {left_out[0]}: --config-dir=FOLDER adds files to the project's, but"
            " --config-path and --config-name take their place"
        )
    _refuse_unread(resolved)
    _refuse_numbers(resolved)
    for key, node, name in _paths(resolved):
        if node[name] and (name, node[name]) != ("ckpt_path", "last"):
            node[name] = _absolute(key, node[name], cwd)
    optim = _typed(Optim, resolved["optim"], "optim")
    model = build(resolved["model"], Architecture, "model")
    trainer = _typed(TrainerOptions, resolved["trainer"], "trainer")
    data = build(resolved["data"], DataOptions, "data")
    if isinstance(trainer.devices, int) and trainer.devices > 0 and data.batch_size % trainer.devices:
        raise ConfigError(f"data.batch_size={data.batch_size} cannot be shared by trainer.devices={trainer.devices}")
    tricks = {name: _trick(name, node) for name, node in (resolved.get("trick") or {}).items()}
    return TrainConfig(
        run=_typed(RunOptions, {key: resolved.get(key) for key in ("seed", "ckpt_path", "ensemble")}),
        run_dir=run_dir,
        overrides=overrides,
        data=data,
        model=model,
        tricks=TrickSet(tricks),
        objective=_typed(Objective, resolved["objective"], "objective"),
        optim=optim,
        trainer=trainer,
        callbacks=resolved.get("callbacks") or {},
        logger=resolved.get("logger") or {},
        resolved=resolved,
    )


def _absolute(key: str, given: str, cwd: str) -> str:
    """The whole path, for it is looked for from elsewhere later too."""
    try:
        return str(Path(cwd, Path(given).expanduser()).absolute())
    except RuntimeError as error:
        raise ConfigError(f"{key}={given}: there is no such user") from error


def _trick(name: str, node: Any) -> Trick:
    """A technique; where only options of it are there, a preset brings them, and the command has not chosen it."""
    if isinstance(node, dict) and "_target_" not in node:
        raise ConfigError(
            f"trick.{name} has options and is not chosen: choose it by trick=[…,{name}], or drop its options by"
            f" ~trick.{name}"
        )
    trick: Trick = build(node, Trick, f"trick.{name}")
    return trick


def parse_resolved(resolved: dict[str, Any], run_dir: str = "") -> TrainConfig:
    """The typed form of a configuration that a run has saved, without what the run wrote and where it began."""
    saved = {**resolved, "callbacks": {}, "logger": {}, "ckpt_path": None}
    return parse(OmegaConf.create(saved), run_dir, overrides=[])


def _refuse_repetition(overrides: list[str]) -> None:
    """Hydra takes an option that a list names twice as if it were there once, and of two lists of tricks the last."""
    if len(given := [override for override in overrides if override.lstrip("+").startswith("trick=")]) > 1:
        raise ConfigError(f"{' '.join(given)}: trick is given twice; several techniques are trick=[ONE,ANOTHER]")
    for override in overrides:
        group, _, value = override.lstrip("+").partition("=")
        options = [option.strip() for option in value.strip("[]").split(",")]
        if group in ("callbacks", "logger", "trick") and len(set(options)) < len(options):
            twice = next(option for option in options if options.count(option) > 1)
            raise ConfigError(f"{override}: {twice} is given twice; once is enough")


def _refuse_unread(resolved: dict[str, Any]) -> None:
    """``wandb`` holds what ``logger.wandb`` reads; nothing would come of another key."""
    known = (resolved.get("logger") or {}).get("wandb") or {}
    if known and (unknown := [key for key in resolved.get("wandb") or {} if key not in known]):
        raise ConfigError(
            f"wandb has no key '{unknown[0]}'; it has {', '.join(key for key in resolved['wandb'] if key in known)};"
            f" another argument of wandb.init is +logger.wandb.{unknown[0]}=…"
        )


def _refuse_numbers(resolved: dict[str, Any]) -> None:
    """A folder called 2024_01 is the number 202401 to Hydra."""
    for key, node, name in _paths(resolved):
        given = node[name]
        if given is not None and not isinstance(given, str):
            raise ConfigError(f"{key} is read as the number {given}; write {key}=./NAME for a place of such a name")


def _paths(resolved: dict[str, Any]) -> list[tuple[str, dict[str, Any], str]]:
    """The options that are paths: how they are written, the node they stand in, and their name there."""
    found = []
    for key in ("data.path", "data.root", "ckpt_path", "callbacks.score.extractor"):
        node: Any = resolved
        *groups, name = key.split(".")
        for group in groups:
            node = node.get(group) if isinstance(node, dict) else None
        if isinstance(node, dict) and name in node:
            found.append((key, node, name))
    return found


def build(node: Any, base: type, prefix: str) -> Any:
    """The object that a node's ``_target_`` names, made of the node's other keys.

    Raises:
        ConfigError: if there is no such class, or its class or a key or value of the node is wrong.
    """
    if prefix.endswith("._target_"):
        group = prefix.removesuffix("._target_")
        raise ConfigError(f"{group}: a YAML file's _target_ stands under a name of its own: NAME: {{_target_: {node}}}")
    if not isinstance(node, dict) or "_target_" not in node:
        raise ConfigError(f"{prefix} must name a class by {prefix}._target_")
    target = str(node["_target_"])
    module, _, name = target.rpartition(".")
    try:
        cls = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"{prefix}._target_={target} cannot be imported: {error}") from error
    if not (isinstance(cls, type) and issubclass(cls, base)):
        raise ConfigError(f"{prefix}._target_={target} is not a subclass of {base.__module__}.{base.__name__}")
    values = {key: value for key, value in node.items() if key != "_target_"}
    if is_dataclass(cls):
        return _typed(cls, values, prefix)
    try:
        # Not what is inside the node: a checkpoint that came from elsewhere could name anything there.
        return instantiate(node, _recursive_=False, _convert_="all")
    except InstantiationException as error:
        if isinstance(error.__cause__, SSGANError):
            raise error.__cause__ from error
        raise ConfigError(f"{prefix}: {' '.join(str(error.__cause__ or error).split())}") from error


def _typed(cls: type, values: dict[str, Any], prefix: str = "") -> Any:
    """An instance of a dataclass from plain values, each checked against its field's type."""
    known = [f.name for f in fields(cls)]
    if unknown := [key for key in values if key not in known]:
        hint = getattr(cls, "elsewhere", "")
        raise ConfigError(f"{prefix} has no key '{unknown[0]}'; it has {', '.join(known)}{hint}")
    try:
        return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(cls), values))
    except OmegaConfBaseException as error:
        key = ".".join(filter(None, [prefix, error.full_key]))
        raise ConfigError(f"{key}: {str(error.msg or error).splitlines()[0]}") from error
    except ValueError as error:  # of a class of the user's that checks its values
        raise ConfigError(f"{prefix}: {error}") from error


def _resolve(cfg: DictConfig) -> Any:
    """The configuration as plain values, interpolations resolved and mandatory values present."""
    try:
        if missing := sorted(OmegaConf.missing_keys(cfg)):
            raise ConfigError(f"{missing[0]} must be given: {missing[0]}=VALUE")
        return OmegaConf.to_container(cfg, resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError(f"{error.full_key}: {str(error.msg or error).splitlines()[0]}") from error
