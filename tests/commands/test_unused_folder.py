"""The command's folder: refused where it is another run's or no folder, and left as it was."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from ssgan.run_folder.status import read_status
from tests.runs import TINY, command, refused

pytestmark = pytest.mark.usefixtures("in_tmp_path")

SHORT = (*TINY, "trainer.max_iterations=2", "trainer.checkpoint_every=1")


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run_folder") / "run"
    assert command(*SHORT, f"hydra.run.dir='{folder}'") == 0
    return folder


def test_a_new_run_over_another_is_refused_and_changes_nothing(done: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = content(done)
    assert command(*SHORT, "seed=2", f"hydra.run.dir='{done}'") == 2
    err = capfd.readouterr().err
    assert err.startswith("error: ") and err.count("\n") == 1 and str(done) in err
    assert content(done) == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("seed=2", "seed was 1 there and is 2 now"),
        ("trainer.max_iterations=1", "it is at iteration 2 and the run would"),
    ],
)
def test_a_refused_resume_changes_nothing(
    change: str, said: str, done: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = content(done)
    assert command(*SHORT, change, "ckpt_path=last", f"hydra.run.dir='{done}'") == 2
    err = capfd.readouterr().err
    assert said in err and err.count("\n") == 1 and content(done) == before


def test_going_on_from_one_run_does_not_replace_another(
    done: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert command(*SHORT, f"hydra.run.dir='{tmp_path}/other'") == 0
    before = content(done)
    again = (*SHORT, "trainer.max_iterations=3", f"ckpt_path='{tmp_path}/other'")
    assert command(*again, f"hydra.run.dir='{done}'") == 2
    assert "result.json is of another run" in capfd.readouterr().err and content(done) == before
    assert command(*again, f"hydra.run.dir='{tmp_path}/other'") == 0


def test_a_refused_resume_leaves_a_finished_run_finished(done: Path, capfd: pytest.CaptureFixture[str]) -> None:
    result, before = (done / "result.json").read_text(), read_status(done)
    late = ("logger=wandb", "+callbacks.own._target_=lightning.Calback", "trainer.devices=[7]")  # the data are there
    for wrong in ("data.num_labels=40", *late):
        argv = (*SHORT, "trainer.max_iterations=3", wrong, "ckpt_path=last", f"hydra.run.dir='{done}'")
        assert command(*argv) != 0
        assert capfd.readouterr().err.startswith("error: ")
        assert read_status(done) == before and before is not None and before.state == "done"
        assert (done / "result.json").read_text() == result


def test_a_refused_start_keeps_the_configuration_of_one_that_was_killed_early(tmp_path: Path, capfd):
    """Before it wrote anything of its own, by the system for its memory, for example."""
    written = tmp_path / "run" / ".hydra" / "config.yaml"
    written.parent.mkdir(parents=True)
    written.write_text("seed: 7\n")
    assert "optim.lr=-1" in refused(capfd, "optim.lr=-1", "hydra.run.dir=run")
    assert written.read_text() == "seed: 7\n"


def test_a_refused_run_in_the_working_folder_leaves_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "new").mkdir()
    monkeypatch.chdir(tmp_path / "new")
    assert command(*SHORT, "optim.lr=-1", "hydra.run.dir=.") == 2
    assert "optim.lr=-1" in capfd.readouterr().err and (tmp_path / "new").is_dir()


def test_no_folder_at_all_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    assert command(*SHORT, "hydra.run.dir=") == 2
    assert capfd.readouterr().err == "error: hydra.run.dir is empty; name a folder\n"


def test_a_run_folder_that_cannot_be_made_is_one_line(tmp_path: Path, capfd):
    (tmp_path / "file").touch()
    for folder in ("file", "file/run"):
        assert f"hydra.run.dir={folder} cannot be made: " in refused(capfd, f"hydra.run.dir={folder}")


def test_a_run_folder_that_cannot_be_written_to_is_one_line(tmp_path: Path, capfd, monkeypatch: pytest.MonkeyPatch):
    """That of another user, for example; Python's logging would end with a traceback."""

    def refuse(dir: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(dir))

    (tmp_path / "run").mkdir()
    monkeypatch.setattr("ssgan.commands.unused_folder.TemporaryFile", refuse)
    assert "hydra.run.dir=run cannot be written to: Permission denied; name " in refused(capfd, "hydra.run.dir=run")
    assert list((tmp_path / "run").iterdir()) == []


def test_a_refused_command_leaves_nothing_and_spares_what_is_there(tmp_path: Path, capfd):
    refused(capfd, "optim.lr=-1")
    refused(capfd, "optim.lr=-1", "hydra.run.dir=a/b/c")
    assert list(tmp_path.iterdir()) == []
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    (run_dir / "status.json").write_text('{"state": "done", "iteration": 3, "iterations": 3, "updated": 1.0}')
    refused(capfd, "optim.lr=-1", "hydra.run.dir=run")
    assert json.loads((run_dir / "status.json").read_text())["state"] == "done"


@pytest.mark.parametrize(("given", "read"), [("2024_01", "202401"), ("1e3", "1000.0")])
def test_a_name_that_is_read_as_a_number_is_refused_with_one_that_is_not(given: str, read: str, tmp_path: Path, capfd):
    """The runs of 2024_01 would lie in 202401."""
    said = refused(capfd, f"hydra.run.dir={given}")
    assert said == f"error: hydra.run.dir={given} is read as the number {read}; write hydra.run.dir=./{given}\n"
    said = refused(capfd, "-m", "seed=1,2", f"hydra.sweep.dir={given}")
    assert said == f"error: hydra.sweep.dir={given} is read as the number {read}; write hydra.sweep.dir=./{given}\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("key", ["hydra.run.dir", "hydra.sweep.dir"])
@pytest.mark.parametrize(("given", "why"), [("'~/x'", "Hydra does not know ~ here"), ("''", "is empty")])
def test_a_folder_without_a_name_is_refused(key: str, given: str, why: str, tmp_path: Path, capfd):
    assert why in refused(capfd, *(["-m", "seed=1,2"] if "sweep" in key else []), f"{key}={given}")
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_has_a_folder_of_its_own_kind(tmp_path: Path, capfd):
    """It would not look at the one that is meant, nor write there."""
    said = refused(capfd, "-m", "seed=1,2", "hydra.run.dir=runs")
    assert "hydra.run.dir=runs: the folder of a sweep is hydra.sweep.dir" in said
    assert list(tmp_path.iterdir()) == []
