"""What tells two configurations apart, and which differences matter: for a result, and for a resumed run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

#: Parts of the configuration that decide what a checkpoint's values mean; a resumed run must not change them. The
#: others (length, logging, learning rate …) it may.
FIXED = ("model", "trick", "objective", "data", "seed", "ensemble")

#: Of those, what a resumed run may change all the same: where the data lies, how much of it is evaluated at once.
FREE = ("data.root", "data.path", "data.eval_batch_size")

#: Options that change where a run looks and what it writes, but not what comes of it, apart from rounding.
INDIFFERENT = (
    "ckpt_path",
    "data.eval_batch_size",
    "data.root",
    "logger",
    "trainer.checkpoint_every",
    "trainer.cuda_graphs",
    "trainer.deterministic",
    "trainer.eval_every",
    "trainer.iterations_per_batch",
    "trainer.lightning.profiler",
    "trainer.log_every",
    "trainer.test_curve",
    "trainer.threads",
    "wandb",
)


#: Lightning's callbacks that watch a run, and neither change nor end it.
WATCHING = (
    "DeviceStatsMonitor",
    "LearningRateMonitor",
    "ModelCheckpoint",
    "ModelSummary",
    "RichModelSummary",
    "RichProgressBar",
    "TQDMProgressBar",
)


def indifferent(config: dict[str, Any]) -> tuple[str, ...]:
    """The options of a configuration that do not matter for what comes of it: also callbacks that only watch."""
    targets = {
        name: str(node["_target_"]) for name, node in (config.get("callbacks") or {}).items() if "_target_" in node
    }
    watching = (n for n, target in targets.items() if target.startswith("ssgan.") or target.split(".")[-1] in WATCHING)
    return (*INDIFFERENT, *(f"callbacks.{name}" for name in watching))


def fixed(config: dict[str, Any]) -> dict[str, Any]:
    """What a resumed run must not change; with how Lightning has counted batches, and whether G has an average."""
    return {key: config.get(key) for key in FIXED} | {
        "trainer": {"iterations_per_batch": config.get("trainer", {}).get("iterations_per_batch", 1)},
        "optim": {"average": {"generator": config.get("optim", {}).get("average", {}).get("generator", False)}},
    }


def mattering(config: dict[str, Any]) -> dict[str, str]:
    """The options that can matter for what comes of a run, by dotted name, as texts."""
    ignored = indifferent(config)
    return {
        key: str(value)
        for key, value in flatten(config).items()
        # An option that is null changes nothing: a run without it is like any other.
        if value is not None and not _within(key, ignored)
    }


def differences(
    before: dict[str, Any], now: dict[str, Any], ignored: Sequence[str] = ()
) -> Iterator[tuple[str, Any, Any]]:
    """The options that differ between two configurations, each as (dotted name, before, now); None for an absent one.

    Args:
        before: a resolved configuration.
        now: another.
        ignored: dotted names of options or groups that may differ.
    """
    old, new = flatten(before), flatten(now)
    for option in sorted(old.keys() | new.keys()):
        if old.get(option) != new.get(option) and not _within(option, ignored):
            yield option, old.get(option), new.get(option)


def _within(option: str, names: Sequence[str]) -> bool:
    """Whether an option is one of these, or in one of these groups."""
    return any(f"{option}.".startswith(f"{name}.") for name in names)


def flatten(node: Any, prefix: str = "") -> dict[str, Any]:
    """The leaves of nested mappings by dotted name."""
    if not isinstance(node, dict):
        return {prefix: node}
    dot = f"{prefix}." if prefix else ""
    return {name: leaf for key, child in node.items() for name, leaf in flatten(child, f"{dot}{key}").items()}
