"""One line for what is wrong with a configuration, which says what there is instead."""

from __future__ import annotations

import argparse
import difflib
import importlib.util
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import yaml
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from ssgan.config import config_folder
from ssgan.errors import ConfigError, SSGANError
from ssgan.typed_overrides import typed

#: Errors of options, which end with status 2.
WRONG_OPTIONS = (ConfigError, HydraException, OmegaConfBaseException, yaml.YAMLError)

#: Errors that the user can mend.
MENDABLE = (SSGANError, HydraException, OmegaConfBaseException, yaml.YAMLError, OSError)

#: What other projects call some options.
_ELSEWHERE = {"max_steps": "max_iterations", "learning_rate": "lr", "max_epochs": "epochs"}

_IN_A_SWEEP = (
    "; choose a technique by trick=[...] before its options, which in a sweep over trick take '++', and every job has"
    " to have it"
)


def describe(error: Exception) -> str:
    """One line that says what is wrong and which choices there are."""
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and "/" in str(error.missing_cfg_file):
        group, _, name = str(error.missing_cfg_file).rpartition("/")
        found = error.options  # none where the option is one of a list
        if found is None:
            found = list({file.stem for folder in _config_folders() for file in (folder / group).glob("*.yaml")})
        options = sorted(option for option in found if not option.startswith("_"))
        return f"unknown {group} '{name}'{_nearest(name, options)}; choose from {', '.join(options)}"
    if repeated := re.match(r"Multiple values for (\w+)\. To override a value use 'override \w+: ([^']+)'", str(error)):
        group, option = repeated.groups()
        return f"+{group}={option}: {group} is chosen already; list all that are meant: {group}=[ONE,{option}]"
    if isinstance(error, OverrideParseException):
        key, equals, value = error.override.partition("=")
        if value.startswith("~"):
            return f"{error.override}: Hydra does not know ~ here; write the whole path"
        hint = f"; a value that is to be taken as it stands is quoted: {typed(key, value)}" if equals and value else ""
        return f"{error.override}: Hydra cannot read this override{hint}"
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OmegaConfBaseException | SSGANError):
        cause = cause.__cause__
    if isinstance(cause, SSGANError):  # raised inside an object that Hydra instantiated
        return str(cause)
    if (
        isinstance(cause, OmegaConfBaseException)
        and isinstance(cause.parent_node, DictConfig)
        and cause.key is not None
    ):
        parent, key = cause.parent_node, str(cause.key)
        if key not in parent:
            keys = sorted(str(k) for k in parent if not str(k).startswith("_"))
            place = parent._get_full_key(None) or "the configuration"
            hint = _elsewhere(parent, key) if place == "the configuration" else _options_with(place, key)
            has = f"it has {', '.join(keys) or 'none'}{_IN_A_SWEEP if place == 'trick' else ''}"
            return f"no key '{key}' in {place}{hint or _nearest(key, keys)}; {has}"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if cause is not None and cause is not error and isinstance(error, ConfigCompositionException):
        lines.append(f"({str(cause).splitlines()[0]})")  # Hydra says where, OmegaConf what
    return " ".join(lines)


def _nearest(word: str, choices: list[str]) -> str:
    """A guess at what was meant."""
    close = [_ELSEWHERE[word]] if _ELSEWHERE.get(word) in choices else difflib.get_close_matches(word, choices, n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""


def _options_with(group: str, key: str) -> str:
    """Which other options of a group have a key that the chosen one has not; of techniques several can be chosen."""
    having: dict[str, None] = {}
    for file in (file for folder in _config_folders() for file in sorted((folder / group).glob("[!_]*.yaml"))):
        with suppress(OSError, UnicodeDecodeError, yaml.YAMLError):  # one that is not chosen may be anything
            node = yaml.safe_load(file.read_text(encoding="utf-8"))
            having |= {file.stem: None} if isinstance(node, dict) and key in node else {}
    return f" ({' or '.join(f'{group}={option}' for option in having)} has it)" if having and group != "trick" else ""


def _elsewhere(config: DictConfig, word: str) -> str:
    """Where a key stands that was looked for at the top."""
    if word == "wandb":
        return " (logger=wandb brings it)"
    groups = [str(name) for name, node in config.items() if isinstance(node, DictConfig)]
    meant = (word, _ELSEWHERE.get(word, word))
    places = [f"'{group}.{leaf}'" for leaf in dict.fromkeys(meant) for group in groups if leaf in config[group]]
    return f" (did you mean {' or '.join(places)}?)" if places else ""


def undecodable() -> Path | None:
    """The first configuration file that is not text."""
    for file in (file for folder in _config_folders() for file in sorted(folder.rglob("*.yaml"))):
        try:
            file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            return file
    return None


def unnamed_option(argv: Sequence[str]) -> str | None:
    """What to say of a group whose option is no name, such as ``optim=3``; Hydra does not say which it is."""
    for word in argv:
        group, equals, value = word.partition("=")
        if equals and not group:
            return f"'{word}' is no override; write KEY=VALUE"
        if equals and re.fullmatch(r"[-+.\deE]+|true|false", value, re.I) and (config_folder() / group).is_dir():
            options = sorted(file.stem for file in (config_folder() / group).glob("[!_]*.yaml"))
            return f"unknown {group} '{value}'; choose from {', '.join(options)}"
    return None


def _config_folders() -> list[Path]:
    """The user's configuration folders that the command line names by a flag or search path, then the project's."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--config-dir", "-cd")
    parser.add_argument("--config-path", "-cp")
    given = parser.parse_known_args(sys.argv[1:])[0]
    flags = [Path(folder) for folder in (given.config_dir, given.config_path) if folder]
    return [*flags, *(folder for folder in map(_search_path, sys.argv[1:]) if folder), config_folder()]


def _search_path(word: str) -> Path | None:
    """The folder of an override such as ``hydra.searchpath=[file://FOLDER]`` or ``[pkg://MODULE]``, if it is one."""
    found = re.fullmatch(r"hydra\.searchpath=\[(file|pkg)://([^,\]]+)\]", word)
    if found is None:
        return None
    if found[1] == "file":
        return Path(found[2])
    module = importlib.util.find_spec(found[2])
    places = module.submodule_search_locations if module else None
    return Path(places[0]) if places else None
