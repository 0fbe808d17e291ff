"""The typed configuration: what each key means, which values it takes, and how a composed Hydra config becomes it.

Nothing here imports torch, so that a wrong option is refused at once.
"""

from __future__ import annotations

import importlib
import importlib.resources
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ssgan.checks import in_range, non_negative, one_of, positive
from ssgan.data.options import DataOptions
from ssgan.errors import ConfigError, SSGANError
from ssgan.names import register_resolvers
from ssgan.networks.architecture import Architecture
from ssgan.tricks import Trick, TrickSet

register_resolvers()

#: The largest that NumPy and Lightning take.
LARGEST_SEED = 2**32 - 1


@dataclass
class Objective:
    """What the players minimise besides what techniques add, and how often they step in an iteration."""

    labelled_weight: float = 1.0  # 0: D learns from no label
    unlabelled_weight: float = 1.0  # 0: D sees labelled images only
    generator_loss: str = "non_saturating"
    d_steps: int = 1
    g_steps: int = 1

    def __post_init__(self) -> None:
        non_negative("objective.labelled_weight", self.labelled_weight)
        non_negative("objective.unlabelled_weight", self.unlabelled_weight)
        one_of("objective.generator_loss", self.generator_loss, ("non_saturating", "saturating"))
        positive("objective.d_steps", self.d_steps)
        non_negative("objective.g_steps", self.g_steps)


@dataclass
class Average:
    """Exponential average of the weights, used for validation, test and samples.

    After an update the average moves by ``rate`` towards the weights; ``half_life``, in iterations, states the rate in
    another way. ``warmup`` lets it follow faster at first, by 9/(10 + t), where the authors' code starts at zero.
    """

    rate: float | None = 1e-4
    half_life: float | None = None
    warmup: bool = True
    generator: bool = False  # average G too, and sample from the average

    def __post_init__(self) -> None:
        if (self.rate is None) == (self.half_life is None):
            raise ConfigError("give one of optim.average.rate and optim.average.half_life, and null for the other")
        if self.rate is not None:
            in_range("optim.average.rate", self.rate, 0.0, 1.0)
        if self.half_life is not None:
            positive("optim.average.half_life", self.half_life)


@dataclass
class Optim:
    """Adam, its learning rate over time, and the weight average.

    The learning rate is flat for the first ``flat`` of the run and then falls linearly to 0 at its end; 1 keeps it
    constant. ``interval`` says whether it changes at each ``epoch``, as in the authors' code, or each ``iteration``.
    ``epochs`` is the length of the recipe and ``length`` the fraction of it that is trained, their product the default
    of ``trainer.max_epochs``; the weight average looks back over that fraction of the time too.
    """

    lr: float = 3e-3
    beta1: float = 0.5
    beta2: float = 0.999
    eps: float = 1e-4
    epochs: int = 300
    length: float = 1.0
    flat: float = 1.0
    interval: str = "epoch"
    clip_norm: float | None = None  # largest norm of each player's gradient
    average: Average = field(default_factory=Average)

    def __post_init__(self) -> None:
        positive("optim.lr", self.lr)
        for name in ("beta1", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"optim.{name}={getattr(self, name)}: must be 0 or greater and less than 1")
        positive("optim.eps", self.eps)
        positive("optim.epochs", self.epochs)
        positive("optim.length", self.length)
        in_range("optim.flat", self.flat, 0.0, 1.0)
        one_of("optim.interval", self.interval, ("epoch", "iteration"))
        if self.clip_norm is not None:
            positive("optim.clip_norm", self.clip_norm)

    def lr_factor(self, progress: float) -> float:
        """Factor of the learning rate when that fraction of the run is done."""
        return 1.0 if progress <= self.flat else max(1 - progress, 0.0) / (1 - self.flat)

    def lr_at(self, iteration: int, per_epoch: int, total: int) -> float:
        """The learning rate when so many iterations of ``total`` are done, ``per_epoch`` of which make an epoch."""
        if self.interval == "epoch":
            iteration -= iteration % per_epoch
        return self.lr * self.lr_factor(iteration / total)


@dataclass
class TrainerOptions:
    """How long, where and in which precision to train. An iteration is one round of D and G updates."""

    accelerator: str = "auto"
    devices: Any = 1
    strategy: str = "auto"
    num_nodes: int = 1
    precision: str = "32"
    cuda_graphs: bool = False
    threads: int | None = None
    max_epochs: int = 300
    max_iterations: int | None = None
    log_every: int = 50
    eval_every: int = 600
    checkpoint_every: int = 2000
    test_curve: bool = True
    deterministic: bool = False  # the same values in each repetition on a GPU too

    def __post_init__(self) -> None:
        one_of("trainer.precision", self.precision, ("32", "bf16-mixed", "16-mixed"))
        if self.cuda_graphs and self.precision == "16-mixed":
            raise ConfigError(
                "trainer.cuda_graphs=true does not go with trainer.precision=16-mixed, whose loss scaler reads the"
                " device at each step; use bf16-mixed or 32"
            )
        if self.cuda_graphs and (self.devices not in (1, "1") or self.num_nodes != 1):
            raise ConfigError("trainer.cuda_graphs=true takes one device; processes that share a batch have to talk")
        positive("trainer.max_epochs", self.max_epochs)
        if self.max_iterations is not None:
            positive("trainer.max_iterations", self.max_iterations)
        if self.threads is not None:
            positive("trainer.threads", self.threads)
        for name in ("log_every", "eval_every", "checkpoint_every", "num_nodes"):
            positive(f"trainer.{name}", getattr(self, name))


@dataclass
class RunOptions:
    """Options of the run as a whole. ``seed`` sets initialisation, noise and order; ``data.seed`` sets which labels."""

    seed: int = 1
    ckpt_path: str | None = None
    ensemble: int | None = None  # members trained at once, with seed, seed + 1 … and data.seed, data.seed + 1 …

    def __post_init__(self) -> None:
        in_range("seed", self.seed, 0, LARGEST_SEED)
        if self.ensemble is not None and self.ensemble < 2:
            raise ConfigError(f"ensemble={self.ensemble}: must be 2 or more members, or null for a single model")


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
PARTS = (
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

#: Options that change where a run looks and what it writes, but not what comes of it.
INDIFFERENT = (
    "callbacks",
    "ckpt_path",
    "data.eval_batch_size",
    "data.root",
    "logger",
    "trainer.checkpoint_every",
    "trainer.cuda_graphs",
    "trainer.deterministic",
    "trainer.eval_every",
    "trainer.log_every",
    "trainer.test_curve",
    "trainer.threads",
    "wandb",
)


def config_folder() -> Path:
    """Where the Hydra configuration lies: inside the installed package, or beside it in a checkout."""
    package = Path(str(importlib.resources.files("ssgan")))
    return next((folder for folder in (package / "conf", package.parent / "conf") if folder.is_dir()), package / "conf")


def parse(cfg: DictConfig, run_dir: str, overrides: list[str]) -> TrainConfig:
    """Check a composed configuration and make it typed.

    Raises:
        ConfigError: one line that names the wrong key or value and the valid ones.
    """
    _refuse_repetition(overrides)
    resolved: Any = _resolve(cfg)
    if unknown := [key for key in resolved if key not in PARTS]:
        raise ConfigError(f"no key '{unknown[0]}' in the configuration; it has {', '.join(PARTS)}")
    optim = _typed(Optim, resolved["optim"], "optim")
    model = build(resolved["model"], Architecture, "model")
    trainer = _typed(TrainerOptions, resolved["trainer"], "trainer")
    data = build(resolved["data"], DataOptions, "data")
    if isinstance(trainer.devices, int) and trainer.devices > 0 and data.batch_size % trainer.devices:
        raise ConfigError(f"data.batch_size={data.batch_size} cannot be shared by trainer.devices={trainer.devices}")
    tricks = {name: build(node, Trick, f"trick.{name}") for name, node in (resolved.get("trick") or {}).items()}
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


def build(node: Any, base: type, prefix: str) -> Any:
    """The object that a node's ``_target_`` names, made of the node's other keys.

    Raises:
        ConfigError: if there is no such class, or its class or a key or value of the node is wrong.
    """
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
        return instantiate(node, _recursive_=False)
    except InstantiationException as error:
        if isinstance(error.__cause__, SSGANError):
            raise error.__cause__ from error
        raise ConfigError(f"{prefix}: {error.__cause__ or error}") from error


def _typed(cls: type, values: dict[str, Any], prefix: str = "") -> Any:
    """An instance of a dataclass from plain values, each checked against its field's type."""
    known = [f.name for f in fields(cls)]
    if unknown := [key for key in values if key not in known]:
        raise ConfigError(f"{prefix} has no key '{unknown[0]}'; it has {', '.join(known)}")
    try:
        return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(cls), values))
    except OmegaConfBaseException as error:
        key = ".".join(filter(None, [prefix, error.full_key]))
        raise ConfigError(f"{key}: {str(error.msg or error).splitlines()[0]}") from error


def _resolve(cfg: DictConfig) -> Any:
    """The configuration as plain values, interpolations resolved and mandatory values present."""
    try:
        if missing := sorted(OmegaConf.missing_keys(cfg)):
            raise ConfigError(f"{missing[0]} must be given: {missing[0]}=VALUE")
        return OmegaConf.to_container(cfg, resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError(f"{error.full_key}: {str(error.msg or error).splitlines()[0]}") from error


def flatten(node: Any, prefix: str = "") -> dict[str, Any]:
    """The leaves of nested mappings by dotted name."""
    if not isinstance(node, dict):
        return {prefix: node}
    dot = f"{prefix}." if prefix else ""
    return {name: leaf for key, child in node.items() for name, leaf in flatten(child, f"{dot}{key}").items()}
