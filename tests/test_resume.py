"""A run that was interrupted and resumed ends exactly, bit for bit, as one that was not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import Checkpoint

from ssgan.errors import ConfigError
from tests.runs import FURTHER, SHORT, TINY, TRICKS, assert_equal, chosen, command, last_checkpoint, metric_rows, train

#: 12 iterations an epoch; evaluation falls in the middle of an epoch (18) and on its end (12, 24).
RUN = (*TINY, "data.batch_size=100", "trainer.max_iterations=30", "trainer.eval_every=6", "trainer.log_every=4",
       "logger=csv", "optim.flat=0.5", "optim.interval=iteration")  # fmt: skip
KINDS = {
    "no technique": [*chosen(), "optim.eps=0", "optim.eps_root=1e-8"],
    "all, augmented, several steps": [
        *chosen(*TRICKS, *FURTHER), "data.augment.shift=1", "objective.d_steps=1", "objective.g_steps=2",
        "optim.average.generator=true", "data.num_val=20",
    ],
    "supervised": ["objective=supervised"],
}  # fmt: skip


class Crash(Exception):
    """The process dies."""


class CrashAt(Checkpoint):
    """Dies after an iteration, when all others have had their turn: Lightning calls checkpoint callbacks last."""

    def __init__(self, iteration: int):
        self.iteration = iteration

    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step == self.iteration:
            raise Crash


class CrashInValidation(Callback):
    """Dies while the errors are counted after an iteration."""

    def __init__(self, iteration: int):
        self.iteration = iteration

    def on_validation_start(self, trainer, *_):
        if trainer.global_step == self.iteration:
            raise Crash


def interrupted(run_dir: Path, crash: Callback, *overrides: str) -> dict:
    """Run until the crash, then resume to the end."""
    with pytest.raises(Crash):
        train(run_dir, *overrides, callbacks=[crash])
    return train(run_dir, *overrides, f"ckpt_path={run_dir / 'checkpoints' / 'last.ckpt'}")


def assert_same_end(
    run_dir: Path, result: dict, reference_dir: Path, reference: dict, rows_but_of: int | None = None
) -> None:
    """Compare everything but the seconds, and the rows of the log of one iteration."""
    ours, theirs = last_checkpoint(run_dir), last_checkpoint(reference_dir)
    assert ours["global_step"] == theirs["global_step"]
    for part in ("state_dict", "optimizer_states"):
        assert_equal(ours[part], theirs[part], part)
    for part in ("rng_state", "history", "classes", "image_shape", "num_labels"):
        assert_equal(ours["ssgan"][part], theirs["ssgan"][part], part)
    rows = [[row for row in metric_rows(run) if row["step"] != rows_but_of] for run in (run_dir, reference_dir)]
    assert rows[0] == rows[1] and rows[0]
    for key in ("test_errors", "test_error", "iterations", "num_labels", "parameters", "tricks"):
        assert result[key] == reference[key], key
    assert result.get("val_error") == reference.get("val_error")
    best = [folder / "checkpoints" / "best.ckpt" for folder in (run_dir, reference_dir)]
    assert best[0].exists() == best[1].exists()
    if best[0].exists():
        steps = [torch.load(path, weights_only=True)["global_step"] for path in best]
        assert steps[0] == steps[1], "another checkpoint is the best"


class CrashAfterValidation(Checkpoint):
    """Dies after an evaluation, when all others have had their turn."""

    def __init__(self, iteration: int):
        self.iteration = iteration

    def on_validation_end(self, trainer, *_):
        if trainer.global_step == self.iteration:
            raise Crash


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory):
    """Each kind of run, uninterrupted."""
    runs: dict[str, tuple[Path, dict]] = {}

    def get(kind: str) -> tuple[Path, dict]:
        if kind not in runs:
            run_dir = tmp_path_factory.mktemp("whole")
            runs[kind] = run_dir, train(run_dir, *RUN, *KINDS[kind])
        return runs[kind]

    return get


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("every", "crash"),
    [
        (1, CrashAt(7)),
        (1, CrashAt(12)),
        (1, CrashAt(18)),
        (1, CrashInValidation(18)),
        (1, CrashInValidation(24)),
        (1, CrashAfterValidation(18)),
        (6, CrashAfterValidation(24)),
        (5, CrashAt(19)),
    ],
    ids=[
        "in an epoch",
        "at its end",
        "before an evaluation",
        "in one",
        "in one at an epoch's end",
        "after one",
        "after one at an epoch's end",
        "since the last write",
    ],
)
def test_a_resumed_run_ends_as_an_uninterrupted_one(kind: str, every: int, crash: Callback, whole, tmp_path: Path):
    result = interrupted(tmp_path, crash, *RUN, *KINDS[kind], f"trainer.checkpoint_every={every}")
    assert_same_end(tmp_path, result, *whole(kind))


class StopAt(Callback):
    """Ends the training after an iteration, as Lightning's Timer does."""

    def __init__(self, iteration: int):
        self.iteration = iteration

    def on_train_batch_end(self, trainer, *_):
        trainer.should_stop = trainer.global_step >= self.iteration


class StopInValidation(Callback):
    """Ends the training after an evaluation, as Lightning's EarlyStopping does."""

    def __init__(self, iteration: int):
        self.iteration = iteration

    def on_validation_end(self, trainer, *_):
        trainer.should_stop = trainer.global_step >= self.iteration


@pytest.mark.parametrize(
    "stop",
    [StopAt(7), StopAt(12), StopAt(18), StopInValidation(18), StopInValidation(24)],
    ids=["in an epoch", "at its end", "before an evaluation", "in one", "in one at an epoch's end"],
)
def test_a_run_that_a_callback_ended_early_goes_on_to_the_whole_length(stop: Callback, whole, tmp_path: Path):
    """The epoch in which it stopped is no whole one, of which there are only so many."""
    overrides = [*RUN, *KINDS["no technique"], "trainer.checkpoint_every=1000"]
    assert train(tmp_path, *overrides, callbacks=[stop])["iterations"] == stop.iteration
    result = train(tmp_path, *overrides, f"ckpt_path={tmp_path / 'checkpoints' / 'last.ckpt'}")
    # Where it stopped, Lightning has logged and evaluated.
    assert_same_end(tmp_path, result, *whole("no technique"), rows_but_of=stop.iteration)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("together", [2, 6])
def test_batches_of_several_iterations_are_the_same_run(kind: str, together: int, whole, tmp_path: Path):
    batches = (f"trainer.iterations_per_batch={together}", f"trainer.checkpoint_every={together + 1}")
    result = interrupted(tmp_path, CrashAt(18), *RUN, *KINDS[kind], *batches)
    assert_same_end(tmp_path, result, *whole(kind))


def test_a_run_may_be_interrupted_again_and_again(whole, tmp_path: Path):
    overrides = [*RUN, *KINDS["no technique"], "trainer.checkpoint_every=1"]
    resume = f"ckpt_path={tmp_path / 'checkpoints' / 'last.ckpt'}"
    for i, iteration in enumerate((1, 5, 13, 24, 29)):
        with pytest.raises(Crash):
            train(tmp_path, *overrides, *([resume] if i else []), callbacks=[CrashAt(iteration)])
    assert_same_end(tmp_path, train(tmp_path, *overrides, resume), *whole("no technique"))


def test_a_checkpoint_can_be_resumed_in_another_folder(whole, tmp_path: Path):
    overrides = [*RUN, *KINDS["no technique"], "trainer.checkpoint_every=1"]
    with pytest.raises(Crash):
        train(tmp_path / "first", *overrides, callbacks=[CrashAt(17)])
    shutil.copytree(tmp_path / "first" / "checkpoints", tmp_path / "copied")
    result = train(tmp_path / "second", *overrides, f"ckpt_path={tmp_path / 'copied' / 'last.ckpt'}")
    reference_dir, reference = whole("no technique")
    assert_equal(last_checkpoint(tmp_path / "second")["state_dict"], last_checkpoint(reference_dir)["state_dict"])
    assert result["test_errors"] == reference["test_errors"]
    assert metric_rows(tmp_path / "second") == [row for row in metric_rows(reference_dir) if row["step"] > 17]


def test_a_longer_run_may_follow(tmp_path: Path):
    """Two epochs and then two more are four, where the rate is constant."""
    constant = [*TINY, "data.batch_size=100", "optim.flat=1", "data.augment.shift=1"]
    train(tmp_path / "parts", *constant, "trainer.max_epochs=2")
    resume = f"ckpt_path={tmp_path / 'parts' / 'checkpoints' / 'last.ckpt'}"
    result = train(tmp_path / "parts", *constant, "trainer.max_epochs=4", resume)
    train(tmp_path / "whole", *constant, "trainer.max_epochs=4")
    assert result["iterations"] == 48
    parts, whole = last_checkpoint(tmp_path / "parts"), last_checkpoint(tmp_path / "whole")
    assert_equal(parts["state_dict"], whole["state_dict"])
    assert_equal(parts["ssgan"]["rng_state"], whole["ssgan"]["rng_state"])


def test_resuming_a_finished_run_tests_it_again(tmp_path: Path):
    first = train(tmp_path, *TINY, "trainer.max_iterations=5")
    before = last_checkpoint(tmp_path)
    again = train(tmp_path, *TINY, "trainer.max_iterations=5", f"ckpt_path={tmp_path / 'checkpoints' / 'last.ckpt'}")
    assert (again["iterations"], again["test_errors"]) == (5, first["test_errors"])
    assert_equal(last_checkpoint(tmp_path)["state_dict"], before["state_dict"])


def test_time_before_the_interruption_counts(tmp_path: Path):
    overrides = [*TINY, "trainer.max_iterations=4", "trainer.checkpoint_every=1"]
    with pytest.raises(Crash):
        train(tmp_path, *overrides, callbacks=[CrashAt(2)])
    path = tmp_path / "checkpoints" / "last.ckpt"
    checkpoint = last_checkpoint(tmp_path)
    checkpoint["ssgan"]["seconds"] = 1000.0
    torch.save(checkpoint, path)
    result = train(tmp_path, *overrides, f"ckpt_path={path}")
    assert 1000 < result["seconds"] < 1100
    assert result["iterations_per_second"] == pytest.approx(4 / result["seconds"], rel=0.5, abs=1e-3)


def test_the_command_resumes_the_last_checkpoint_of_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd):
    monkeypatch.chdir(tmp_path)
    short = (*TINY, "trainer.checkpoint_every=2", "hydra.run.dir=run", "optim.flat=1")
    assert command(*short, "trainer.max_iterations=2") == 0
    assert command(*short, "trainer.max_iterations=5", "ckpt_path=last") == 0
    assert json.loads((tmp_path / "run" / "result.json").read_text())["iterations"] == 5
    assert command(*short, "trainer.max_iterations=5", "hydra.run.dir=whole") == 0
    assert_equal(last_checkpoint(tmp_path / "run")["state_dict"], last_checkpoint(tmp_path / "whole")["state_dict"])


def test_a_run_folder_can_be_named_instead_of_its_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert command(*TINY, "trainer.max_iterations=1", "hydra.run.dir=first") == 0
    assert command(*TINY, "trainer.max_iterations=2", "hydra.run.dir=second", "ckpt_path=first") == 0
    assert last_checkpoint(tmp_path / "second")["global_step"] == 2


# --- what must not change --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = tmp_path_factory.mktemp("finished")
    train(run_dir, *TINY, "trainer.max_iterations=1")
    return run_dir / "checkpoints" / "last.ckpt"


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ("model.discriminator_hidden=[32,17]", ["model.discriminator_hidden", "[32, 16]", "[32, 17]"]),
        ("model=conv", ["model."]),
        ("trick=none", ["without trick.feature_matching"]),
        ("trick=[feature_matching,label_smoothing]", ["with trick.label_smoothing"]),
        ("trick.feature_matching.norm=l1", ["trick.feature_matching.norm", "l2", "l1"]),
        ("data.seed=2", ["data.seed was 1", "is 2 now"]),
        ("data.num_labels=40", ["data.num_labels was 30", "is 40 now"]),
        ("data.batch_size=20", ["data.batch_size was 10", "is 20 now"]),
        ("data.augment.flip=true", ["data.augment.flip was False", "is True now"]),
        ("objective.g_steps=2", ["objective.g_steps was 1", "is 2 now"]),
        ("seed=2", ["seed was 1", "is 2 now"]),
        ("trainer.iterations_per_batch=2", ["trainer.iterations_per_batch was 1", "is 2 now"]),
    ],
)
def test_an_option_that_gives_the_saved_values_another_meaning_is_refused(
    change, parts, finished: Path, tmp_path: Path
):
    shrunk = ["model.generator_widths=[8,4,4]", "model.discriminator_widths=[4,4]"]
    base = [*TINY[:4], *shrunk] if change == "model=conv" else TINY
    with pytest.raises(ConfigError) as error:
        train(tmp_path, *base, change, "trainer.max_iterations=2", f"ckpt_path={finished}")
    message = str(error.value)
    assert "\n" not in message and message.startswith(f"cannot resume {finished}")
    assert [part for part in parts if part not in message] == [], message


@pytest.mark.parametrize(
    "change",
    ["optim.lr=1e-3", "trainer.max_epochs=1", "trainer.eval_every=1", "logger=csv", "data.eval_batch_size=50",
     "optim.clip_norm=1.0"],
)  # fmt: skip
def test_other_options_may_change(change: str, finished: Path, tmp_path: Path):
    result = train(tmp_path, *TINY, "trainer.max_iterations=2", change, f"ckpt_path={finished}")
    assert result["iterations"] == 2


def test_none_and_an_empty_list_are_the_same_choice(tmp_path: Path):
    train(tmp_path, *TINY, "trick=none", "trainer.max_iterations=1")
    resume = f"ckpt_path={tmp_path / 'checkpoints' / 'last.ckpt'}"
    assert train(tmp_path, *TINY, "trick=[]", "trainer.max_iterations=2", resume)["iterations"] == 2


def test_the_random_state_of_another_kind_of_device_is_refused(finished: Path, tmp_path: Path):
    """A GPU's generator has a state of 16 bytes, a CPU's one of some thousands."""
    checkpoint = torch.load(finished, weights_only=True)
    checkpoint["ssgan"]["rng_state"] = torch.zeros(16, dtype=torch.uint8)
    torch.save(checkpoint, tmp_path / "gpu.ckpt")
    with pytest.raises(ConfigError, match="another kind of device"):
        train(tmp_path, *TINY, "trainer.max_iterations=2", f"ckpt_path={tmp_path / 'gpu.ckpt'}")


def test_a_checkpoint_that_would_stay_behind_is_not_gone_on_from(tmp_path: Path) -> None:
    train(tmp_path, *SHORT, "trainer.max_iterations=2")
    longer = (*SHORT, "trainer.max_iterations=4", f"ckpt_path='{tmp_path / 'checkpoints' / 'last.ckpt'}'")
    with pytest.raises(ConfigError, match=r"last\.ckpt would stay behind .* add checkpoints to callbacks"):
        train(tmp_path, *longer, "callbacks=none")
    assert train(tmp_path / "other", *longer, "callbacks=none")["iterations"] == 4, "in another folder nothing is left"


def test_a_finished_run_that_is_resumed_elsewhere_has_its_checkpoint_there(tmp_path: Path) -> None:
    train(tmp_path / "one", *SHORT)
    train(tmp_path / "two", *SHORT, f"ckpt_path='{tmp_path / 'one' / 'checkpoints' / 'last.ckpt'}'")
    one, two = last_checkpoint(tmp_path / "one"), last_checkpoint(tmp_path / "two")
    assert_equal(two["state_dict"], one["state_dict"])
    assert_equal(two["optimizer_states"], one["optimizer_states"])
    assert two["global_step"] == 6 and torch.equal(two["ssgan"]["rng_state"], one["ssgan"]["rng_state"])
