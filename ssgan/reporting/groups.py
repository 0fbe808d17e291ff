"""Which runs may be compared: configurations, and sections of those that differ in techniques or settings alone."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ssgan.errors import ConfigError
from ssgan.reporting.runs import SEEDS, Run
from ssgan.reporting.statistics import PairedDifference, Spread, paired_difference

#: The name of the runs on the labels alone.
SUPERVISED = "supervised"

#: Most settings that stand in a configuration's name; runs that differ in more have sections of their own.
MOST_NAMED = 8

#: What a supervised run has no use for.
_GAN_ONLY = ("objective", "objective.unlabelled_weight", "objective.g_steps", "objective.generator_loss")


@dataclass
class Configuration:
    """Runs that differ in seeds alone.

    ``name`` says in what it differs from the section's others, and techniques shortly, ``tricks`` these in full;
    ``runs`` are in the order of their seeds, ``repeated`` those that repeat the seeds of one and are left out.
    """

    name: str
    tricks: tuple[str, ...]
    runs: list[Run]
    repeated: list[Run]
    difference: PairedDifference | None = None  # to the section's baseline

    @cached_property
    def errors(self) -> dict[tuple[int, int], float]:
        """Test error by (data.seed, seed)."""
        return {run.seeds: run.error for run in self.runs}

    @property
    def spread(self) -> Spread:
        """Of the test errors."""
        return Spread.of(list(self.errors.values()))

    @property
    def val_error(self) -> float | None:
        """The mean error on held-out labels; None where there are none."""
        values = [float(run.result["val_error"]) for run in self.runs if "val_error" in run.result]
        return statistics.fmean(values) if values else None

    def median(self, key: str) -> float:
        """The median over runs of a number in ``result.json``; nan if they have none."""
        values = [float(run.result[key]) for run in self.runs if key in run.result]
        return statistics.median(values) if values else float("nan")

    @property
    def full_name(self) -> str:
        """Every technique by name."""
        return _full_name(self.runs[0])


@dataclass
class Section:
    """Configurations that differ in techniques alone or, of the same techniques, in settings alone.

    ``settings`` is what they share, ``searched`` the settings in which they differ, techniques' options among them.
    """

    configurations: list[Configuration]
    settings: dict[str, str]
    searched: tuple[str, ...] = ()
    baseline: str | None = None
    differs_by: dict[str, str] = field(default_factory=dict)  # settings in which the sections are not all alike

    @property
    def runs(self) -> list[Run]:
        """All runs."""
        return [run for configuration in self.configurations for run in configuration.runs]

    @property
    def held_out(self) -> bool:
        """Whether there are errors on held-out labels."""
        return any(c.val_error is not None for c in self.configurations)

    @property
    def title(self) -> str:
        """Data set and number of labels, and the techniques where all have the same ones and differ in settings."""
        techniques = f", {self.configurations[0].full_name}" if self.searched else ""
        return _data(self.runs[0]) + techniques


def group(runs: Sequence[Run], baseline: str | None = None) -> list[Section]:
    """Sections of comparable runs, the largest first.

    Runs that differ in anything beyond techniques and seeds are in sections apart. The supervised baseline, which
    switches the unlabelled objective off, stands in the section of the GANs that share everything else with it.
    Sections that hold the same techniques and nothing else, such as the trials of a search, are one, of which the
    settings tell the configurations apart.

    Args:
        runs: finished runs.
        baseline: name of the configuration that the others are compared with; None: ``none``, or else ``supervised``.

    Raises:
        ConfigError: no section has a configuration of that name.
    """
    by_settings: dict[tuple[tuple[str, str], ...], list[Run]] = defaultdict(list)
    for run in runs:
        by_settings[_shared(run.settings)].append(run)
    gans = {key: members for key, members in by_settings.items() if not members[0].supervised}
    for key, members in by_settings.items():
        if members[0].supervised:
            hosts = [host for host in gans if _supervised_part(host) == _supervised_part(key)]
            for host in hosts:
                gans[host] = [*gans[host], *members]
            if not hosts:
                gans[key] = members
    sections = _searches_joined([Section(_configurations(members), dict(key)) for key, members in gans.items()])
    sections.sort(key=lambda section: (-len(section.runs), section.title))
    _tell_apart(sections)
    _compare(sections, baseline)
    return sections


def _searches_joined(sections: list[Section]) -> list[Section]:
    """Make sections on the same data, each of the same techniques alone, one."""
    families: dict[tuple[str, str | None, frozenset[str]], list[Section]] = defaultdict(list)
    for section in sections:
        first, techniques = section.runs[0], frozenset(c.full_name for c in section.configurations)
        families[_data(first), first.settings.get("data.path"), techniques].append(section)
    joined = []
    for (*_, techniques), family in families.items():
        configurations = [c for section in family for c in section.configurations]
        chosen = [{k: v for k, v in c.runs[0].settings.items() if k not in SEEDS} for c in configurations]
        keys = sorted({key for own in chosen for key in own})
        differing = tuple(key for key in keys if len({own.get(key) for own in chosen}) > 1)
        if len(family) == 1 or len(techniques) > 1 or len(differing) > MOST_NAMED:
            joined.extend(family)
            continue
        for words in (_rounded, _in_full):
            names = [", ".join(f"{key}={words(own.get(key))}" for key in differing) for own in chosen]
            if len(set(names)) == len(names):
                break
        for configuration, name in zip(configurations, names, strict=True):
            configuration.name = name
        shared = {k: v for k, v in family[0].settings.items() if k not in differing}
        joined.append(Section(_ordered(configurations), shared, differing))
    return joined


def _rounded(value: str | None) -> str:
    """A sampled number with four digits."""
    try:
        return _in_full(value) if value is None or len(value) < 7 else f"{float(value):.4g}"
    except ValueError:
        return _in_full(value)


def _in_full(value: str | None) -> str:
    return "null" if value is None else value


def _data(run: Run) -> str:
    data = run.result.get("data", "data")
    if run.result.get("objective") == "unlabelled":
        return f"{data}, no labels: D has not learned the classes"
    return f"{data}, {run.result.get('num_labels', '?')} labels"


def _ordered(configurations: list[Configuration]) -> list[Configuration]:
    """By the error on held-out labels where all have one, by which one may choose; else by the test error."""
    held_out = [c.val_error for c in configurations if c.val_error is not None]
    if len(held_out) < len(configurations):
        return sorted(configurations, key=lambda c: (c.spread.mean, c.name))
    return sorted(configurations, key=lambda c: (c.val_error, c.name))


def _shared(settings: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((k, v) for k, v in settings.items() if k not in SEEDS and not k.startswith("trick.")))


def _supervised_part(key: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple((k, v) for k, v in key if k not in _GAN_ONLY)


def _configurations(runs: list[Run]) -> list[Configuration]:
    groups: dict[tuple[bool, tuple[str, ...], tuple[tuple[str, str], ...]], list[Run]] = defaultdict(list)
    for run in runs:
        groups[run.supervised, tuple(sorted(run.tricks)), tuple(sorted(_trick_options(run).items()))].append(run)
    universe = {trick for run in runs if not run.supervised for trick in run.tricks}
    configurations = []
    for (supervised, tricks, _), members in groups.items():
        first: dict[tuple[int, int], Run] = {}
        repeated = []
        for run in sorted(members, key=lambda run: (run.seeds, run.name)):
            if first.setdefault(run.seeds, run) is not run:
                repeated.append(run)
        name = _full_name(members[0]) if supervised else short_name(tricks, universe)
        configurations.append(Configuration(name, tricks, list(first.values()), repeated))
    _name_apart(configurations)
    return _ordered(configurations)


def _trick_options(run: Run) -> dict[str, str]:
    """The options of the techniques that have an effect in a run."""
    return {k: v for k, v in run.settings.items() if k.startswith("trick.") and k.split(".")[1] in run.tricks}


def _full_name(run: Run) -> str:
    return " + ".join([SUPERVISED] * run.supervised + sorted(run.tricks)) or "none"


def short_name(tricks: Sequence[str], universe: set[str]) -> str:
    """``none``, the techniques' names, ``all``, or ``all but x`` where three or more techniques were tried."""
    missing = sorted(universe - set(tricks))
    if len(universe) > 2 and not missing:
        return "all"
    if len(universe) > 2 and len(missing) == 1:
        return f"all but {missing[0]}"
    return " + ".join(sorted(tricks)) or "none"


def _name_apart(configurations: list[Configuration]) -> None:
    """Add the options in which configurations of the same techniques differ."""
    by_name: dict[str, list[Configuration]] = defaultdict(list)
    for configuration in configurations:
        by_name[configuration.name].append(configuration)
    for twins in by_name.values():
        if len(twins) > 1:
            chosen = [_trick_options(twin.runs[0]) for twin in twins]
            differing = sorted({k for o in chosen for k in o if len({other.get(k) for other in chosen}) > 1})
            for twin, own in zip(twins, chosen, strict=True):
                words = [f"{key.removeprefix('trick.')}={own.get(key)}" for key in differing]
                twin.name = f"{twin.name} ({', '.join(words)})"


def _tell_apart(sections: list[Section]) -> None:
    keys = {key for section in sections for key in section.settings}
    differing = sorted(key for key in keys if len({section.settings.get(key) for section in sections}) > 1)
    for section in sections:
        searched = (key for key in differing if key not in section.searched)
        section.differs_by = {key: section.settings.get(key, "null") for key in searched}


def _compare(sections: list[Section], baseline: str | None) -> None:
    for section in sections:
        names = {configuration.name: configuration for configuration in section.configurations}
        wanted = [baseline] if baseline else ["none", SUPERVISED]
        section.baseline = next((name for name in wanted if name in names), None)
        if section.baseline is not None and len(names) > 1:
            reference = names[section.baseline].errors
            for name, configuration in names.items():
                if name != section.baseline:
                    configuration.difference = paired_difference(configuration.errors, reference)
    if baseline and not any(section.baseline for section in sections):
        known = sorted({c.name for section in sections for c in section.configurations})
        raise ConfigError(f"--baseline {baseline}: there is no such configuration; there are {', '.join(known)}")
