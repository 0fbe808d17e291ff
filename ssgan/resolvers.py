"""What configurations can ask for: names of a sweep and its jobs, and a part of a length."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import OmegaConf

#: Longest name of a folder; file systems allow 255 bytes.
LONGEST = 200

#: Longest name of a run that W&B's server takes.
LONGEST_RUN = 128


def job_folder(overrides: Sequence[str], exclude_keys: Sequence[str] = ()) -> str:
    """A folder name that says what is special in a job and can be typed on a command line without quotes.

    ``["trick=[a,b]", "data.seed=1"]`` → ``trick-a+b__data.seed-1``; an empty list is ``none``.

    Args:
        overrides: ``key=value``, as Hydra lists them.
        exclude_keys: keys that all jobs of the sweep share.
    """
    words = {override: word for override in overrides if (word := _word(override, exclude_keys))}
    name = "__".join(words[override] for override in sorted(words, key=_is_seed)) or "job"
    return _shortened(name, LONGEST)


def part(whole: float, fraction: float) -> int:
    """That fraction of a number, rounded, and at least 1; what is no number is refused by its own name elsewhere."""
    if not (isinstance(whole, int | float) and isinstance(fraction, int | float)):
        return 1
    return max(round(whole * fraction), 1)


def _word(override: str, exclude_keys: Sequence[str]) -> str:
    key, _, value = override.partition("=")
    key = key.lstrip("+~")
    if key in exclude_keys:
        return ""
    if value.startswith("[") and value.endswith("]"):
        value = "+".join(part.strip() for part in value[1:-1].split(",")) or "none"
    word = re.sub(r"[^\w.+-]", "-", f"{key}-{value}", flags=re.ASCII)
    # Where a character had to go, two values may have become one word.
    return word if word == f"{key}-{value}" else f"{word}-{_digest(override)}"


def _is_seed(override: str) -> bool:
    """Seeds go last, so that runs that differ in nothing else stand side by side."""
    return override.partition("=")[0].endswith("seed")


def _shortened(name: str, longest: int) -> str:
    """The name cut to ``longest`` characters, with a digest so that it stays one's own."""
    return name if len(name) <= longest else f"{name[: longest - 9]}-{_digest(name)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def group_of(sweep: str) -> str:
    """The last two parts of a sweep's folder, such as ``2026-11-24/10-00-00``, wherever it is looked at from."""
    return "/".join(Path(sweep).absolute().parts[-2:])


def sweep_name() -> str | None:
    """:func:`group_of` the sweep's folder; None in a single run."""
    if not in_sweep():
        return None
    hydra = HydraConfig.get()
    return group_of(str(Path(hydra.runtime.cwd, hydra.sweep.dir)))


def job_name() -> str | None:
    """The name of the job's folder, as short as W&B wants it; None in a single run."""
    return _shortened(Path(HydraConfig.get().runtime.output_dir).name, LONGEST_RUN) if in_sweep() else None


def in_sweep() -> bool:
    """Whether Hydra runs this as one of many jobs."""
    return HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN


def register_resolvers() -> None:
    """Let configurations say ``${job_folder:…}``, ``${sweep:name}``, ``${sweep:job}`` and ``${part:…}``."""
    OmegaConf.register_new_resolver("job_folder", job_folder, replace=True)
    OmegaConf.register_new_resolver("sweep", lambda what: {"name": sweep_name, "job": job_name}[what](), replace=True)
    OmegaConf.register_new_resolver("part", part, replace=True)
