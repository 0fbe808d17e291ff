"""N processes with a share of the batch each are the same algorithm as one with the whole batch."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock

from tests.fake_data import write_arrays
from tests.runs import FURTHER, QUIET, REPOSITORY, TINY_CONV, TINY_MLP, TRICKS, chosen, last_checkpoint

ITERATIONS, TOLERANCE = 20, 1e-10  # in float64
SAME = (
    *QUIET[1:],
    "optim.eps=1e-6",
    "data.batch_size=12",
    "data.num_val=10",
    f"trainer.max_iterations={ITERATIONS}",
    f"trainer.eval_every={ITERATIONS}",
)
MLP = (*SAME, *TINY_MLP)
EACH = {f"{name}": [*MLP, *chosen(name)] for name in (*TRICKS, *FURTHER)} | {"none": [*MLP, "trick=none"]}
TOGETHER = {
    "all": [*MLP, *chosen(*TRICKS)],
    "all_and_further": [*MLP, *chosen(*TRICKS, *FURTHER)],
    "other_views": [*MLP, *chosen("consistency"), "trick.consistency.teacher=live", "trick.consistency.flip=true",
                    "trick.consistency.shift=1"],
    "warped_views": [*MLP, *chosen("consistency"), "trick.consistency.second_view=student", "data.augment.scale=0.1",
                     "trick.consistency.rotate=20", "trick.consistency.shear=5", "trick.consistency.confidence=0.3"],
    "steps_and_clipping": [*MLP, "objective.d_steps=2", "objective.g_steps=2", "optim.clip_norm=0.1",
                           "optim.eps=0", "optim.eps_root=1e-12"],
    "ensemble": [*MLP, *chosen(*TRICKS), "ensemble=2"],
    "conv": [*SAME, *TINY_CONV, "data=arrays", "model=conv", "data.num_labels=40", "data.augment.flip=true",
             "data.augment.shift=1", *chosen("feature_matching", "variational_entropy")],
}  # fmt: skip
#: By processes; three of them, for whom each technique alone would take long, are given all at once.
RUNS = {1: EACH | TOGETHER, 2: EACH | TOGETHER, 3: TOGETHER}
CASES = [pytest.param(n, name, id=f"{n}-{name}") for n in (2, 3) for name in RUNS[n]]


def run_all(folder: Path, processes: int) -> Path:
    """Their runs, by so many processes."""
    folder.mkdir()
    write_arrays(folder / "images.npz")
    place = [f"data.path='{folder / 'images.npz'}'"]
    runs = {name: run + place if "data=arrays" in run else run for name, run in RUNS[processes].items()}
    (folder / "runs.json").write_text(json.dumps(runs))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_XDIST")}
    environment |= {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    if processes > 1:
        environment |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(processes)}
        environment |= {"GROUP_RANK": "0", "LOCAL_WORLD_SIZE": str(processes), "TORCHELASTIC_RUN_ID": "test"}
    jobs = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.ddp_job", str(folder), str(folder / "runs.json")],
            env=environment | {"RANK": str(rank), "LOCAL_RANK": str(rank)} if processes > 1 else environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=REPOSITORY,
        )
        for rank in range(processes)
    ]  # fmt: skip
    try:
        for job in jobs:
            _, error = job.communicate(timeout=300)
            assert job.returncode == 0, error[-3000:]
    finally:
        for job in jobs:
            job.kill()
    return folder


def made_once(tmp_path_factory: pytest.TempPathFactory, processes: int) -> Path:
    """The folder of the runs by so many processes, which the first of pytest's own workers to ask for it fills."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = shared / "ddp" / str(processes)
    folder.parent.mkdir(exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not (folder / "done").exists():
            if folder.exists():  # half filled: the other worker's attempt failed
                shutil.rmtree(folder)
            (run_all(folder, processes) / "done").touch()
    return folder


def difference(a: Any, b: Any) -> float:
    """‖a − b‖ / ‖b‖."""
    return float((a - b).norm() / b.norm().clamp_min(1e-12))


@pytest.mark.parametrize(("processes", "name"), CASES)
def test_the_same_parameters(processes: int, name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    expected, found = (last_checkpoint(made_once(tmp_path_factory, n) / name) for n in (1, processes))
    assert expected["global_step"] == found["global_step"] == ITERATIONS
    weights = {key for key, value in expected["state_dict"].items() if value.is_floating_point()}
    assert weights and expected["state_dict"].keys() == found["state_dict"].keys()
    assert {expected["state_dict"][key].dtype for key in weights} == {torch.float64}
    compared = {key for key in weights if ".rest_" not in key}  # a historical mean's rounding error
    far = {key: difference(found["state_dict"][key], expected["state_dict"][key]) for key in compared}
    assert max(far.values()) < TOLERANCE, sorted(far.items(), key=lambda item: -item[1])[:5]
    assert found["ssgan"]["rng_state"].equal(expected["ssgan"]["rng_state"])
