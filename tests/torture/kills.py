"""Kills: a run is sent signals at random moments, resumed, and has to end as one that nothing happened to.

python -m tests.torture.kills [--kills 50] [--seed 1] [--only NAME ...] [--folder FOLDER]

Each configuration gets so many signals. A run that comes to its end is compared with the uninterrupted one bit for bit,
and the next one starts. Ends with status 1 if anything differed.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import time
import zlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.runs import FURTHER, TINY, TRICKS, assert_equal, chosen, last_checkpoint, metric_rows
from tests.torture.forked import Forked, import_everything
from tests.torture.signal_places import PLACES, signal_at

ITERATIONS = 40

#: 6 iterations an epoch, evaluations within an epoch and on its end, rows of the log elsewhere.
RUN = (*TINY, "data.batch_size=200", f"trainer.max_iterations={ITERATIONS}", "trainer.eval_every=9",
       "trainer.log_every=4", "trainer.checkpoint_every=5", "logger=csv", "optim.flat=0.5",
       "optim.interval=iteration")  # fmt: skip

#: Lightning's batches hold several iterations; rows of the log and checkpoints fall due within them.
BATCHES = ("trainer.iterations_per_batch=2", "trainer.eval_every=8", "trainer.log_every=5")

#: What is trained: one line for each.
CONFIGURATIONS = {
    "no technique": chosen(),
    **{trick: chosen(trick) for trick in (*TRICKS, *FURTHER)},
    "all techniques, augmented, 2 G steps": [*chosen(*TRICKS), "data.augment.shift=1", "objective.g_steps=2",
                                             "optim.average.generator=true", "data.num_val=20"],
    "supervised": ["objective=supervised"],
    "ensemble": [*chosen(*TRICKS), "ensemble=2"],
    "batches of 2 iterations": [*chosen(*TRICKS), *BATCHES],
    "two processes, batches of 2 iterations": [*chosen(), *BATCHES, "trainer=ddp", "trainer.accelerator=cpu",
                                               "trainer.devices=2"],
    "two processes": [*chosen(), "trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"],
    "two processes, all techniques": [*chosen(*TRICKS), "trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2"],
}  # fmt: skip

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)

#: Seconds in which processes that were told to stop have to end.
PATIENCE = 60.0

#: What a finished run's folder may hold; members, if it is an ensemble.
EXPECTED_FILES = {
    ".hydra",
    "checkpoints",
    "hparams.yaml",
    "members",
    "metrics.csv",
    "result.json",
    "status.json",
    "train.log",
}


@dataclass
class Record:
    """What was done to a configuration, and what came of it."""

    signals: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    faults: list[str] = field(default_factory=list)


class Campaign:
    """All kills of one configuration.

    Args:
        name: of the configuration.
        kills: number of signals.
        folder: an empty one for the runs.
        seed: of moments and signals.
    """

    def __init__(self, name: str, kills: int, folder: Path, seed: int) -> None:
        self.name, self.kills, self.folder = name, kills, folder
        self.random = random.Random(f"{name} {seed}")
        self.record = Record()
        self.seconds = 1.0
        self.killed = False  # whether SIGKILL ended the last process, perhaps after its result was there

    def run(self) -> Record:
        """Do them all."""
        whole, began = self.folder / "whole", time.monotonic()
        self._start(whole).wait(600)
        self.seconds = time.monotonic() - began
        if not (whole / "result.json").is_file():
            self._fault(whole, "the uninterrupted run failed")
            return self.record
        left = self.kills
        while left > 0:
            run_dir = self.folder / f"run{self.record.runs}"
            while left > 0 and not (run_dir / "result.json").is_file():
                left -= self._kill(run_dir)
            while not (run_dir / "result.json").is_file():
                process, self.killed = self._start(run_dir), False
                if not process.wait(600) or any(process.statuses.values()):
                    self._fault(run_dir, f"the resumed run ended with {process.statuses}")
                    break
            self.record.runs += 1
            self._compare(run_dir, whole)
        return self.record

    def _start(self, run_dir: Path, place: str = "any time", number: int = 0, call: int = 0, rank: int = 0) -> Forked:
        resume = ["ckpt_path=last"] if (run_dir / "checkpoints" / "last.ckpt").is_file() else []
        argv = [*RUN, *CONFIGURATIONS[self.name], f"hydra.run.dir='{run_dir}'", *resume]
        if (run_dir / "order.txt").exists():
            with (run_dir / "order.txt").open("a") as file:
                file.write("\n")  # ends the line that a kill may have cut off

        def prepare(own_rank: int) -> None:
            record_order(run_dir / "order.txt", own_rank)
            if call and own_rank == rank:
                signal_at(place, call, number)

        return Forked(argv, self.folder / "output.txt", prepare)

    def _kill(self, run_dir: Path) -> bool:
        """Start or resume, and send a signal; whether it came in time."""
        place, number = self.random.choice(list(PLACES)), self.random.choice(SIGNALS)
        left = 1 - self._iteration(run_dir) / ITERATIONS
        call = self.random.randint(1, max(1, round(PLACES[place] * left))) if PLACES[place] else 0
        processes = self._start(run_dir, place, number, call)
        if not call:
            ranks = self.random.choice([[0], list(range(len(processes.pids)))])
            end = time.monotonic() + self.random.uniform(0.2, 0.6 + 0.4 * left) * self.seconds
            while time.monotonic() < end and not processes.poll():
                time.sleep(0.002)
            processes.send(number, ranks)
        sent = f"{signal.Signals(number).name}, {place}"
        if not processes.wait(PATIENCE + self.seconds):
            self._fault(run_dir, f"{sent}: the processes did not end: {processes.statuses}")
        for rank in processes.left:
            del processes.statuses[rank]
            sent += ", ended with it by the launcher"
        done = all(status == 0 for status in processes.statuses.values())
        self.record.signals["came too late" if done else sent] += 1
        self.killed = signal.SIGKILL in (-status for status in processes.statuses.values())
        allowed = {0, -number, 128 + number} | ({1} if len(processes.pids) > 1 else set())
        if number == signal.SIGINT and not call:
            allowed |= {1}  # Lightning's own, in the moment before a trainer's callbacks are set up
        if strange := {rank: status for rank, status in processes.statuses.items() if status not in allowed}:
            self._fault(run_dir, f"{sent}: ended with {strange}")
        if done and not (run_dir / "result.json").is_file():
            self._fault(run_dir, f"{sent}: status 0 and no result.json")
        for path in (run_dir / "checkpoints").glob("[!.]*.ckpt"):
            self._whole(path)
        return not done

    def _iteration(self, run_dir: Path) -> int:
        path = run_dir / "checkpoints" / "last.ckpt"
        return last_checkpoint(run_dir)["global_step"] if path.is_file() else 0

    def _whole(self, path: Path) -> None:
        from ssgan.run_folder.checkpoint import read_checkpoint

        try:
            read_checkpoint(str(path))
        except Exception as error:
            self._fault(path.parent, f"{path.name}: {error}")

    def _compare(self, run_dir: Path, whole: Path) -> None:
        """Everything but the seconds is the same."""
        try:
            ours, theirs = last_checkpoint(run_dir), last_checkpoint(whole)
            for part in ("global_step", "state_dict", "optimizer_states"):
                assert_equal(ours[part], theirs[part], part)
            for part in ours["ssgan"].keys() - {"seconds", "config"}:
                assert_equal(ours["ssgan"][part], theirs["ssgan"][part], part)
            assert metric_rows(run_dir) == metric_rows(whole), "metrics.csv differs"
            results = [json.loads((folder / "result.json").read_text()) for folder in (run_dir, whole)]
            for key in results[1].keys() - {"seconds", "iterations_per_second", "overrides", "config"}:
                assert results[0][key] == results[1][key], f"result.json: {key}"
            check_order(run_dir / "order.txt", whole / "order.txt")
            files = {path.name for path in run_dir.iterdir()} - {"order.txt"}
            expected = EXPECTED_FILES | ({".running"} if self.killed else set())  # which the next run takes away
            assert files <= expected, f"left behind: {files - expected}"
            for member in whole.glob("members/*"):
                own = last_checkpoint(run_dir / "members" / member.name)
                assert_equal(own["state_dict"], last_checkpoint(member)["state_dict"], f"member {member.name}")
            left = {path.name for path in run_dir.glob("**/checkpoints/*")} - {"last.ckpt", "best.ckpt"}
            assert not left, f"left behind: {left}"
            assert json.loads((run_dir / "status.json").read_text())["state"] == "done"
        except (AssertionError, OSError, KeyError) as error:
            self._fault(run_dir, str(error))
        else:
            shutil.rmtree(run_dir)

    def _fault(self, run_dir: Path, what: str) -> None:
        self.record.faults.append(f"{run_dir.name}: {what}")


def record_order(path: Path, rank: int) -> None:
    """Append the checksum of every batch that is trained on to a file: rank, iterations done before, checksum."""
    from ssgan.module import SemiSupervisedGAN

    steps = SemiSupervisedGAN.steps

    def recorded(self, batch):
        checksum = 0
        for tensor in batch:
            checksum = zlib.crc32(tensor.contiguous().numpy().tobytes(), checksum)
        with path.open("a") as file:
            file.write(f"{rank} {self.global_step} {checksum}\n")
        return steps(self, batch)

    SemiSupervisedGAN.steps = recorded


def check_order(ours: Path, theirs: Path) -> None:
    """Each iteration took the same images, however often it was repeated."""
    expected = {tuple(line.split()) for line in theirs.read_text().splitlines()}
    seen = {tuple(line.split()) for line in ours.read_text().splitlines()}
    if strange := {line for line in seen - expected if len(line) == 3}:
        raise AssertionError(f"other images: {sorted(strange)[:3]}")
    if missing := expected - seen:
        raise AssertionError(f"images that were left out: {sorted(missing)[:3]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50, help="signals for each configuration")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", default=list(CONFIGURATIONS), choices=list(CONFIGURATIONS), metavar="NAME")
    parser.add_argument("--folder", type=Path, help="keeps the runs that differed; a temporary one by default")
    options = parser.parse_args()
    import_everything()
    root = Path(options.folder or tempfile.mkdtemp(prefix="kills-")).resolve()
    failed = False
    for i, name in enumerate(options.only):
        folder = root / f"{i:02d}"
        folder.mkdir(parents=True)
        began = time.monotonic()
        record = Campaign(name, options.kills, folder, options.seed).run()
        verdict = "equal" if not record.faults else f"{len(record.faults)} FAULTS, see {folder}"
        print(f"{name}: {sum(record.signals.values())} signals, {record.runs} runs, {verdict},"
              f" {time.monotonic() - began:.0f} s", flush=True)  # fmt: skip
        for key, count in sorted(record.signals.items()):
            print(f"    {count:3d} {key}", flush=True)
        for fault in record.faults:
            print(f"    ! {fault}", flush=True)
        failed |= bool(record.faults)
    if not failed and options.folder is None:
        shutil.rmtree(root)
    sys.exit(failed)


if __name__ == "__main__":
    main()
