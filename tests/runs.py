"""Runs inside the test's process: composed as the command line composes them, tiny, a few iterations long."""

from __future__ import annotations

import copy
import csv
import logging
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, open_dict

from ssgan.config import TrainConfig, config_folder, parse

REPOSITORY = Path(__file__).parents[1]
#: The paper's techniques.
TRICKS = (
    "feature_matching",
    "historical_averaging",
    "label_smoothing",
    "minibatch_discrimination",
    "virtual_batch_norm",
)
#: Those of other papers.
FURTHER = (
    "conditional_entropy",
    "consistency",
    "interpolation_consistency",
    "manifold_regularisation",
    "marginal_entropy",
    "pull_away",
    "rotation_prediction",
    "spectral_norm",
    "variational_entropy",
    "virtual_adversarial",
)

#: Small networks, small batches, and nothing written but the checkpoints.
QUIET = ("trainer=cpu", "callbacks=checkpoints", "logger=none", "data.batch_size=10")
TINY_MLP = ("model.generator_hidden=[16,16]", "model.discriminator_hidden=[32,16]")
TINY_CONV = ("model.generator_widths=[16,8,8]", "model.discriminator_widths=[4,8]")
TINY = (*QUIET, *TINY_MLP)

#: A few iterations, with rows of the log and checkpoints among them.
SHORT = (*TINY, "logger=csv", "trainer.log_every=2", "trainer.checkpoint_every=2", "trainer.max_iterations=6")


def options(group: str) -> list[str]:
    """The options of a configuration group."""
    return sorted(f.stem for f in (REPOSITORY / "conf" / group).glob("*.yaml") if not f.stem.startswith("_"))


def preset(name: str, images: Path = Path("photos")) -> list[str]:
    """Overrides that choose a preset; that of one's own images has to know where they are."""
    return [f"experiment={name}", *([f"data.path='{images}'"] if name.startswith("folder") else [])]


def chosen(*tricks: str) -> list[str]:
    """Overrides that choose techniques; few kernels, for their start values are taken from 500 x 500 distances."""
    small = ["trick.minibatch_discrimination.kernels=6"] if "minibatch_discrimination" in tricks else []
    return [f"trick=[{','.join(tricks)}]", *small]


@lru_cache(maxsize=32)
def with_hydra(overrides: Sequence[str]) -> DictConfig:
    """The configuration of a command line, with what is Hydra's; that takes half of a tiny run's time."""
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        return compose("train", list(overrides), return_hydra_config=True)


def composed(run_dir: Path, *overrides: str) -> DictConfig:
    """The configuration of a command line, before it is checked."""
    cfg = copy.deepcopy(with_hydra(overrides))
    with open_dict(cfg):
        cfg.hydra.runtime.output_dir = str(run_dir)
    HydraConfig.instance().set_config(cfg)  # gives ${hydra:runtime.output_dir} its value
    with open_dict(cfg):
        cfg.pop("hydra")
    return cfg


def compose_run(run_dir: Path, *overrides: str) -> TrainConfig:
    """The checked configuration of a command line, its run folder made."""
    run_dir.mkdir(parents=True, exist_ok=True)
    return parse(composed(run_dir, *overrides), str(run_dir), list(overrides))


def train(run_dir: Path, *overrides: str, callbacks: Sequence[Any] = ()) -> dict[str, Any]:
    """Run to the end, with further Lightning callbacks; what ``result.json`` holds."""
    from ssgan.run import run

    return run(compose_run(run_dir, *overrides), callbacks=callbacks)


def last_checkpoint(run_dir: Path) -> dict[str, Any]:
    """The newest whole state of a run."""
    return torch.load(run_dir / "checkpoints" / "last.ckpt", map_location="cpu", weights_only=True)


def metric_rows(run_dir: Path) -> list[dict[str, float]]:
    """The rows of ``metrics.csv``, without the empty cells."""
    with (run_dir / "metrics.csv").open(newline="") as file:
        return [{key: float(value) for key, value in row.items() if value} for row in csv.DictReader(file)]


def assert_equal(a: Any, b: Any, where: str = "") -> None:
    """Compare nested containers; tensors bit for bit."""
    assert type(a) is type(b), f"{where}: {type(a)} against {type(b)}"
    if isinstance(a, torch.Tensor):
        assert a.dtype == b.dtype and a.shape == b.shape and torch.equal(a, b), f"{where} differs"
    elif isinstance(a, dict):
        assert list(a) == list(b), f"{where}: {list(a)} against {list(b)}"
        for key in a:
            assert_equal(a[key], b[key], f"{where}.{key}")
    elif isinstance(a, list | tuple):
        assert len(a) == len(b), f"{where}: {len(a)} against {len(b)} entries"
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_equal(x, y, f"{where}[{i}]")
    else:
        assert a == b, f"{where}: {a} against {b}"


def command(*argv: str) -> int:
    """Call the entry point with these arguments; its exit status. What it did to the root logger is undone."""
    from ssgan.train import main

    root = logging.getLogger()
    handlers, level, before = root.handlers[:], root.level, sys.argv
    sys.argv = ["ssgan-train", *argv]
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        sys.argv = before
        for handler in set(root.handlers) - set(handlers):
            handler.close()
        root.handlers[:] = handlers
        root.setLevel(level)
    return 0


def refused(capfd: pytest.CaptureFixture[str], *argv: str) -> str:
    """The one line with which the command refuses these arguments."""
    status = command(*argv)
    written = capfd.readouterr()
    assert status not in (0, None), written.out
    assert written.err.startswith("error: ") and written.err.find("\n") == len(written.err) - 1, written.err
    assert "Traceback" not in written.out + written.err and "HYDRA_FULL_ERROR" not in written.err
    return written.err
