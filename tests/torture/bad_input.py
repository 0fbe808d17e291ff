"""Wrong command lines: each gets one line that names the key and what is valid, at once, and leaves nothing behind.

python -m tests.torture.bad_input [--cases 300] [--seed 1]

Everything happens in one process that has imported Hydra but not torch, and must not have at the end. Ends with status
1 if a case was accepted, silent about its key, slow, a traceback, or left a file.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import json
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from ssgan.comparing import flatten
from ssgan.config import config_folder
from ssgan.train import main as train_main

#: Processor seconds in which a command line has to be refused, so that a busy machine is no fault.
LONGEST = 2.0

#: Values that a key does not take, beyond those that have another type.
OUT_OF_RANGE = {
    "seed": [-1, 2**32, 1.5],
    "data.num_labels": [0, -10, 35, 5, 7],
    "data.num_val": [-10, 3],
    "data.seed": [-1, 2**32],
    "data.batch_size": [0, -1],
    "data.eval_batch_size": [0, -5],
    "data.augment.shift": [-1],
    "model.z_dim": [0, -3],
    "model.generator_hidden": ["[0]", "[8,-1]"],
    "model.discriminator_hidden": ["[0,8]", "[-4]", "[]"],
    "model.input_noise": [-0.1, "nan"],
    "model.pixel_divisor": [0],
    "model.minibatch_kernels": [0],
    "objective.unlabelled_weight": [-1, "nan"],
    "objective.generator_loss": ["hinge", "''"],
    "objective.d_steps": [0, -1],
    "objective.g_steps": [-1],
    "optim.lr": [0, -1, "nan"],
    "optim.beta1": [1, -0.1, 2],
    "optim.beta2": [1, "nan"],
    "optim.eps": [0, -1e-8],
    "optim.eps_root": [0, -1e-8],
    "optim.epochs": [0, -3],
    "optim.flat": [-0.1, 1.1],
    "optim.interval": ["step", "batch"],
    "optim.clip_norm": [0, -1],
    "optim.average.rate": [-0.1, 1.5, "nan", "null"],
    "optim.average.half_life": [5, 0],
    "trainer.precision": ["64", "fp8"],
    "trainer.strategy": ["ddp_spawn", "fsdp"],
    "trainer.max_epochs": [0, -1],
    "trainer.max_iterations": [0, -1],
    "trainer.log_every": [0, -1],
    "trainer.eval_every": [0],
    "trainer.checkpoint_every": [0],
    "trainer.num_nodes": [0],
    "trick.feature_matching.norm": ["l3", "L2"],
}

#: Keys that take any word, or only the run can tell; and those of callbacks and loggers, which need Lightning.
ANY_WORD = ("data.root", "ckpt_path", "trainer.accelerator", "trainer.devices")

#: Whole command lines: contradictions, what is given twice, what is no override.
CONTRADICTIONS = [
    (["trick=label_smoothing", "trick.label_smoothing.alpha=1.5"], "trick.label_smoothing.alpha"),
    (["trick=label_smoothing", "trick.label_smoothing.alpha=-0.1"], "trick.label_smoothing.alpha"),
    (["trick=historical_averaging", "trick.historical_averaging.weight=-1"], "trick.historical_averaging.weight"),
    (["trick=minibatch_discrimination", "trick.minibatch_discrimination.kernels=0"], "kernels"),
    (["trick=minibatch_discrimination", "trick.minibatch_discrimination.dim=-2"], "dim"),
    (["trick=virtual_batch_norm", "trick.virtual_batch_norm.reference_size=0"], "reference_size"),
    (["trick=virtual_batch_norm", "trick.virtual_batch_norm.eps=-1"], "eps"),
    (["trick=[feature_matching,feature_matching]"], "feature_matching"),
    (["trick=[label_smoothing,feature_matching,label_smoothing]"], "label_smoothing"),
    (["logger=[csv,csv]"], "csv"),
    (["trick=feature_matching", "trick=label_smoothing"], "trick"),
    (["trick=feature_matching,label_smoothing"], "trick"),
    (["optim.average.half_life=100"], "optim.average"),
    (["optim.average.rate=null"], "optim.average"),
    (["data.batch_size=7", "trainer.devices=2"], "data.batch_size"),
    (["trick=none", "trick.feature_matching.norm=l1"], "feature_matching"),
    (["data.num_labels=10", "data.num_val=15"], "data.num_val"),
    (["data=folder"], "data.path"),
    (["data=arrays"], "data.path"),
    (["data=folder", "data.path=x", "data.test=unlabelled"], "data.unlabelled"),
    (["data=table"], "data.path"),
    (["data=table", "data.path=x", "data.label=file"], "data.file"),
    (["data=folder", "data.path=x", "data.channels=2"], "data.channels"),
    (["data=folder", "data.path=x", "data.image_size=0"], "data.image_size"),
    (["data=folder", "data.path=x", "data.resize=stretch"], "data.resize"),
    (["data=folder", "data.path=x", "data.unreadable=maybe"], "data.unreadable"),
    (["ckpt_path=last"], "ckpt_path"),
    (["ckpt_path=/no/such/folder"], "/no/such/folder"),
    (["data.augment=3"], "Augmentation"),
    (["optim=3"], "optim"),
    (["trick"], "trick"),
    (["=3"], "=3"),
    (["seed="], "seed"),
    (["trick=[feature_matching"], "[feature_matching"),
    (["data.num_labels=${nothing}"], "nothing"),
    (["data.num_labels=${oc.env:NOT_THERE_AT_ALL}"], "NOT_THERE_AT_ALL"),
    (["+data.augment.rotate=3"], "rotate"),
    (["~data.seed_"], "seed_"),
    (["++trainer.gradient_clip_val=1"], "gradient_clip_val"),
    (["data._target_=os.system"], "data._target_"),
    (["data._target_=ssgan.data.Nothing"], "ssgan.data.Nothing"),
    (["model._target_=collections.OrderedDict"], "model._target_"),
    (["+trick.x._target_=builtins.print"], "trick.x._target_"),
    (["--config-name=nothing"], "nothing"),
    (["--config-dir=/no/such"], "/no/such"),
    (["--no-such-flag"], "--no-such-flag"),
]  # fmt: skip


@dataclass
class Case:
    """A wrong command line and the words that the one line must contain."""

    argv: list[str]
    words: list[str]
    faults: list[str] = field(default_factory=list)


def cases(count: int, seed: int) -> list[Case]:
    """So many wrong command lines: some of the given ones, or all of them and others that are made up."""
    found = [Case(argv, [word]) for argv, word in CONTRADICTIONS]
    known = leaves()
    found += [
        Case([f"{key}={value}"], [key]) for key, values in OUT_OF_RANGE.items() if key in known for value in values
    ]
    rng = random.Random(seed)
    makers: list[Callable[[random.Random], Case]] = [unknown_key, unknown_option, wrong_type, second_mistake]
    found = rng.sample(found, min(len(found), max(1, count - 2 * len(makers))))
    seen = {tuple(case.argv) for case in found}
    while len(found) < count:
        case = makers[len(found) % len(makers)](rng)
        if tuple(case.argv) not in seen:
            seen.add(tuple(case.argv))
            found.append(case)
    return found


@functools.cache
def leaves() -> dict[str, object]:
    """All keys of the default configuration with their values."""
    with initialize_config_dir(str(config_folder()), version_base="1.3"):
        cfg = compose("train", ["callbacks=none", "logger=none"])
    return {key: value for key, value in flatten(OmegaConf.to_container(cfg)).items() if "_target_" not in key}


def mistyped(word: str, rng: random.Random) -> str:
    """The word with one letter too many, too few, or two exchanged."""
    i = rng.randrange(len(word))
    letter = rng.choice("abcdefghijklmnopqrstuvwxyz")
    j = rng.randrange(max(len(word) - 1, 1))
    return rng.choice(
        [word[:i] + letter + word[i:], word[:i] + word[i + 1 :], word[:j] + word[j : j + 2][::-1] + word[j + 2 :]]
    )


def unknown_key(rng: random.Random) -> Case:
    """A key with a typing mistake in its last part."""
    known = leaves()
    while True:
        place, _, name = rng.choice(sorted(known)).rpartition(".")
        wrong = mistyped(name, rng)
        key = f"{place}.{wrong}" if place else wrong
        if wrong.isidentifier() and not any(k == key or k.startswith(f"{key}.") for k in known):
            return Case([f"{key}=1"], [wrong])


def unknown_option(rng: random.Random) -> Case:
    """A group's option with a typing mistake."""
    groups = ["data", "model", "optim", "objective", "trainer", "trick", "callbacks", "logger"]
    while True:
        group = rng.choice(groups)
        options = sorted(f.stem for f in (config_folder() / group).glob("[!_]*.yaml"))
        wrong = mistyped(rng.choice(options), rng)
        if wrong.isidentifier() and wrong not in options:
            value = f"[{wrong}]" if group in ("trick", "callbacks", "logger") and rng.random() < 0.5 else wrong
            return Case([f"{group}={value}"], [wrong, rng.choice(options)])


def wrong_type(rng: random.Random) -> Case:
    """A value that its key cannot take."""
    keys = [key for key in leaves() if key not in ANY_WORD and not key.endswith("_norm")]
    key = rng.choice(sorted(keys))
    return Case([f"{key}={rng.choice(['abc', '{a: 1}', '[[1]]', '{}', '[1,a]'])}"], [key])


def second_mistake(rng: random.Random) -> Case:
    """A mistake among options that are right."""
    right = rng.sample(["seed=3", "trick=label_smoothing", "optim.lr=0.01", "data.num_labels=40", "logger=csv"], 3)
    wrong = rng.choice([unknown_key, unknown_option, wrong_type])(rng)
    right = [word for word in right if word.split("=")[0] != wrong.argv[0].split("=")[0]]
    if wrong.argv[0].startswith("trick"):
        right = [word for word in right if not word.startswith("trick")]
    return Case(rng.sample([*right, *wrong.argv], len(right) + 1), wrong.words)


class Accepted(Exception):
    """The command got as far as importing torch."""


class Blocked:
    """Stands where ``ssgan.run`` would be imported."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == "ssgan.run":
            raise Accepted


@contextlib.contextmanager
def empty_folder() -> Iterator[Path]:
    """Work in a folder that is removed afterwards."""
    before, folder = Path.cwd(), Path(tempfile.mkdtemp())
    os.chdir(folder)
    try:
        yield folder
    finally:
        os.chdir(before)
        shutil.rmtree(folder)


def attempt(case: Case) -> None:
    """Call the command, and note what was not as it should be."""
    sys.argv = ["ssgan-train", *case.argv]
    out, err = io.StringIO(), io.StringIO()
    status: object = 0
    with empty_folder() as folder:
        began = time.process_time()
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                train_main()
        except SystemExit as end:
            status = end.code
        except Accepted:
            case.faults.append("accepted")
            return
        except BaseException:
            case.faults.append(traceback.format_exc().splitlines()[-1])
            return
        seconds = time.process_time() - began
        left = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    line = err.getvalue()
    if status in (0, None):
        case.faults.append(f"status {status}")
    if line.count("\n") != 1 or not line.startswith("error: ") or "Traceback" in line + out.getvalue():
        case.faults.append(f"not one line: {line!r} {out.getvalue()[:200]!r}")
    if missing := [word for word in case.words if word not in line]:
        case.faults.append(f"says nothing of {missing}: {line!r}")
    if seconds > LONGEST:
        case.faults.append(f"took {seconds:.1f} s")
    if left:
        case.faults.append(f"left {left}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    tried = cases(options.cases, options.seed)
    sys.meta_path.insert(0, Blocked())
    began = time.process_time()
    for case in tried:
        attempt(case)
    wrong = [case for case in tried if case.faults]
    for case in wrong:
        print(" ".join(case.argv), "->", "; ".join(case.faults))
    heavy = sorted({"torch", "lightning", "numpy"} & set(sys.modules))
    print(json.dumps({"cases": len(tried), "wrong": len(wrong), "imported": heavy,
                      "seconds": round(time.process_time() - began, 1)}))  # fmt: skip
    sys.exit(bool(wrong or heavy))


if __name__ == "__main__":
    main()
