"""With Hydra's ``job.chdir=true`` a run works in its own folder; paths are still the user's, who stands elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ssgan.config import parse
from tests.fake_data import write_arrays
from tests.runs import TINY, command, composed, refused

pytestmark = pytest.mark.usefixtures("in_tmp_path")

CHDIR = (*TINY, "hydra.job.chdir=true")


def test_a_run_goes_on_from_a_checkpoint_named_from_where_the_command_was_given(tmp_path: Path, capfd) -> None:
    assert command(*CHDIR, "trainer.max_iterations=2", "hydra.run.dir=one") == 0
    assert str(tmp_path / "one") in "".join(capfd.readouterr().out.split())
    for ckpt_path, folder in (("one", "two"), ("one/checkpoints/last.ckpt", "three"), ("last", "one")):
        argv = (*CHDIR, "trainer.max_iterations=4", f"ckpt_path={ckpt_path}", f"hydra.run.dir={folder}")
        assert command(*argv) == 0, capfd.readouterr().err
        assert json.loads((tmp_path / folder / "result.json").read_text())["iterations"] == 4
    assert "there is no checkpoint nowhere" in refused(capfd, *CHDIR, "ckpt_path=nowhere")


def test_jobs_of_a_sweep_go_on_from_there_too(tmp_path: Path, capfd) -> None:
    assert command(*CHDIR, "trainer.max_iterations=2", "hydra.run.dir=one") == 0
    sweep = ("trainer.max_iterations=3,4", "ckpt_path=one", "hydra.sweep.dir=sweep")
    assert command("-m", *CHDIR, *sweep) == 0, capfd.readouterr().out
    results = [json.loads(path.read_text()) for path in sorted(tmp_path.glob("sweep/*/result.json"))]
    assert [result["iterations"] for result in results] == [3, 4]


def test_data_lie_where_they_were_named(tmp_path: Path, capfd) -> None:
    write_arrays(tmp_path / "mine.npz")
    networks = ("model.generator_widths=[8,4,4]", "model.discriminator_widths=[4,4]")
    short = ("trainer=cpu", "callbacks=none", "logger=none", "data.batch_size=20", "trainer.max_iterations=1")
    data = ("data=arrays", "data.path=mine.npz", "data.num_labels=20")
    assert command(*data, *networks, *short, "hydra.job.chdir=true", "hydra.run.dir=r") == 0, capfd.readouterr().err
    assert json.loads((tmp_path / "r" / "result.json").read_text())["config"]["data"]["path"] == f"{tmp_path}/mine.npz"


def test_an_extractor_is_looked_for_there_too(tmp_path: Path) -> None:
    cfg = composed(tmp_path / "run", *TINY, "callbacks=score", "callbacks.score.extractor=outputs/extractor")
    config = parse(cfg, str(tmp_path / "run"), [], "/home/me")
    assert config.callbacks["score"]["extractor"] == "/home/me/outputs/extractor"


def test_a_refused_run_leaves_no_folder(tmp_path: Path, capfd) -> None:
    assert "optim.lr=-1" in refused(capfd, *CHDIR, "optim.lr=-1", "hydra.run.dir=a/b")
    assert list(tmp_path.iterdir()) == []
