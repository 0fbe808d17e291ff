"""The options of training: what is minimised, how, how long and where. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from ssgan.checks import in_range, non_negative, one_of, positive, valid_seed
from ssgan.errors import ConfigError


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
        if not (self.labelled_weight or self.unlabelled_weight):
            raise ConfigError("objective.labelled_weight and objective.unlabelled_weight are both 0: D learns nothing")
        one_of("objective.generator_loss", self.generator_loss, ("non_saturating", "saturating"))
        positive("objective.d_steps", self.d_steps)
        non_negative("objective.g_steps", self.g_steps)


@dataclass
class Average:
    """Exponential average of the weights, used for validation, test and samples.

    After an update the average moves by ``rate``, which is 1 − decay, towards the weights; ``half_life`` states it in
    iterations. ``warmup`` lets it follow faster at first, by 9/(10 + t) at iteration t until the rate is larger, where
    the authors' code starts at zero: a run of fewer than 9/rate iterations is warming up throughout.
    """

    rate: float | None = 1e-4
    half_life: float | None = None
    warmup: bool = True
    generator: bool = False  # average G too, and sample from the average

    def __post_init__(self) -> None:
        if (self.rate is None) == (self.half_life is None):
            raise ConfigError("give one of optim.average.rate and optim.average.half_life, and null for the other")
        if self.rate is not None and not (0 < self.rate <= 0.5 or self.rate == 1):
            raise ConfigError(
                f"optim.average.rate={self.rate}: must be greater than 0 and at most 0.5, or 1 for no averaging;"
                " it is 1 − decay, and a decay of 0.999 is a rate of 0.001"
            )
        if self.half_life is not None:
            positive("optim.average.half_life", self.half_life)


@dataclass
class Optim:
    """Adam, its learning rate over time, and the weight average.

    The learning rate is flat for the first ``flat`` of the run and then falls linearly to 0 at its end, but not below
    ``lr_floor`` times itself; ``flat=1`` keeps it constant. ``interval`` says whether it changes at each ``epoch``, as
    in the authors' code, or each ``iteration``. ``eps_root`` is added under the root of the mean squared gradient,
    where the authors' code has it, and ``eps``, PyTorch's, to the root. ``generator_lr_factor`` makes G's rate that
    multiple of D's, which is the one in the log, and ``generator_beta1`` gives it its own β1. ``epochs`` is the length
    of the recipe and ``length`` the fraction of it that is trained, their product the default of
    ``trainer.max_epochs``; the weight average's window shrinks by the same factor.
    """

    lr: float = 3e-3
    beta1: float = 0.5
    beta2: float = 0.999
    eps: float = 1e-4
    eps_root: float | None = None  # as in configurations from before there was this option
    generator_lr_factor: float = 1.0
    generator_beta1: float | None = None
    epochs: int = 300
    length: float = 1.0
    flat: float = 1.0
    lr_floor: float = 0.0
    interval: str = "epoch"
    clip_norm: float | None = None  # largest norm of each player's gradient
    average: Average = field(default_factory=Average)

    def __post_init__(self) -> None:
        positive("optim.lr", self.lr)
        positive("optim.generator_lr_factor", self.generator_lr_factor)
        for name in ("beta1", "beta2", "generator_beta1"):
            if not 0 <= (getattr(self, name) or 0) < 1:
                raise ConfigError(f"optim.{name}={getattr(self, name)}: must be 0 or greater and less than 1")
        if self.eps_root is None:
            positive("optim.eps", self.eps)  # for weights that have no gradient
        else:
            positive("optim.eps_root", self.eps_root)
            non_negative("optim.eps", self.eps)
            if not self.beta2:
                raise ConfigError(f"optim.eps_root={self.eps_root}: needs an optim.beta2 greater than 0")
        positive("optim.epochs", self.epochs)
        positive("optim.length", self.length)
        in_range("optim.flat", self.flat, 0.0, 1.0)
        in_range("optim.lr_floor", self.lr_floor, 0.0, 1.0)
        one_of("optim.interval", self.interval, ("epoch", "iteration"))
        if self.clip_norm is not None:
            positive("optim.clip_norm", self.clip_norm)

    def for_player(self, player: str) -> Optim:
        """What that player's optimiser goes by; of the generator with its own rate and β1 in the place of D's."""
        if player != "generator":
            return self
        beta1 = self.beta1 if self.generator_beta1 is None else self.generator_beta1
        return replace(self, lr=self.lr * self.generator_lr_factor, beta1=beta1)

    def lr_factor(self, progress: float) -> float:
        """Factor of the learning rate when that fraction of the run is done."""
        return 1.0 if progress <= self.flat else max((1 - progress) / (1 - self.flat), self.lr_floor)

    def lr_at(self, iteration: int, per_epoch: int, total: int) -> float:
        """D's learning rate after ``iteration`` iterations of ``total``, ``per_epoch`` of which make an epoch."""
        if self.interval == "epoch":
            iteration -= iteration % per_epoch
        return self.lr * self.lr_factor(iteration / total)


@dataclass
class TrainerOptions:
    """How long, where and in which precision to train. An iteration is one round of D and G updates.

    Several devices or nodes are several processes, whether ``strategy`` says so (``ddp``) or not.
    """

    elsewhere: ClassVar[str] = "; further arguments of lightning.Trainer are +trainer.lightning.NAME"

    accelerator: str = "auto"
    devices: Any = 1
    strategy: str = "auto"
    num_nodes: int = 1
    precision: str = "32"
    matmul_precision: str = "highest"  # of float32 products: PyTorch's set_float32_matmul_precision
    cuda_graphs: bool = False
    threads: int | None = None
    iterations_per_batch: int = 1  # of what Lightning regards as a batch
    max_epochs: int = 300
    max_iterations: int | None = None
    log_every: int = 50
    eval_every: int = 600
    checkpoint_every: int = 2000
    test_curve: bool = True
    deterministic: bool = False  # the same values in each repetition on a GPU too
    lightning: dict[str, Any] = field(default_factory=dict)  # further arguments of lightning.Trainer

    def __post_init__(self) -> None:
        one_of("trainer.precision", self.precision, ("32", "bf16-mixed", "16-mixed"))
        one_of("trainer.matmul_precision", self.matmul_precision, ("highest", "high", "medium"))
        if self.cuda_graphs and self.precision == "16-mixed":
            raise ConfigError(
                "trainer.cuda_graphs=true does not go with trainer.precision=16-mixed, whose loss scaler reads the"
                " device at each step; use bf16-mixed or 32"
            )
        if self.cuda_graphs and self.lightning.get("detect_anomaly"):
            raise ConfigError(
                "trainer.cuda_graphs=true does not go with trainer.lightning.detect_anomaly=true, which reads the"
                " device in each backward pass; leave one of them out"
            )
        one_of("trainer.strategy", self.strategy, ("auto", "ddp"))
        if self.cuda_graphs and (not self.one_device or self.strategy != "auto"):
            raise ConfigError(
                "trainer.cuda_graphs=true takes one device and trainer.strategy=auto; processes that share a batch have"
                " to talk"
            )
        positive("trainer.max_epochs", self.max_epochs)
        if self.max_iterations is not None:
            positive("trainer.max_iterations", self.max_iterations)
        if self.threads is not None:
            positive("trainer.threads", self.threads)
        for name in ("log_every", "eval_every", "checkpoint_every", "num_nodes", "iterations_per_batch"):
            positive(f"trainer.{name}", getattr(self, name))
        for name in ("eval_every", "max_iterations"):
            if (getattr(self, name) or 0) % self.iterations_per_batch:
                raise ConfigError(
                    f"trainer.iterations_per_batch={self.iterations_per_batch}: does not divide"
                    f" trainer.{name}={getattr(self, name)}"
                )
        if not self.one_device:
            self.strategy = "ddp"

    @property
    def one_device(self) -> bool:
        """Whether a single device of a single node is asked for."""
        listed = isinstance(self.devices, Sequence) and not isinstance(self.devices, str)
        return self.num_nodes == 1 and (len(self.devices) == 1 if listed else self.devices in (1, "1"))


@dataclass
class RunOptions:
    """Options of the run as a whole. ``seed`` sets initialisation, noise and order; ``data.seed`` sets which labels."""

    seed: int = 1
    ckpt_path: str | None = None
    ensemble: int | None = None  # members trained at once, with seed, seed + 1 … and data.seed, data.seed + 1 …

    def __post_init__(self) -> None:
        valid_seed("seed", self.seed)
        if self.ensemble is not None and self.ensemble < 2:
            raise ConfigError(f"ensemble={self.ensemble}: must be 2 or more members, or null for a single model")
        if self.ensemble is not None:
            valid_seed("seed + ensemble - 1, the last member's seed", self.seed + self.ensemble - 1)
