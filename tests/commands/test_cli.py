"""The command line: one line and an exit status for what is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.runs import TINY, command, refused

pytestmark = pytest.mark.usefixtures("in_tmp_path")


WRONG_IN_THE_RUN = [
    (["trainer.accelerator=abacus"], ["abacus"]),
    (["trainer.strategy=luck"], ["luck"]),
    (["trainer.devices=many"], ["devices"]),
    (["trainer.devices=0"], ["devices"]),
    (["callbacks=samples", "callbacks.samples.rows=0"], ["rows"]),
    (["callbacks=samples", "callbacks.samples.every=0"], ["every"]),
    (["callbacks.last.every=0"], ["every"]),
    (["+callbacks.last.foo=1"], ["foo"]),
    (["+callbacks.foo=1"], ["callbacks.foo"]),
    (["callbacks.last._target_=nowhere.Callback"], ["nowhere.Callback"]),
    (["data.augment.shift=8"], ["data.augment.shift=8", "8"]),
    (["data.num_labels=100000"], ["data.num_labels=100000"]),
    (["data.num_labels=null", "data.include_labelled=false"], ["data.include_labelled=true"]),
    (["data=arrays", "data.path=/no/such.npz", "model=mlp"], ["/no/such.npz", "data.path"]),
    (["model=conv", "model.generator_widths=[2,2,2]", "model.discriminator_widths=[2,2]"], ["8×8", "model=mlp"]),
]


@pytest.mark.parametrize(("argv", "parts"), WRONG_IN_THE_RUN, ids=[" ".join(argv) for argv, _ in WRONG_IN_THE_RUN])
def test_what_only_the_run_can_know_is_wrong_is_one_line_too(argv: list[str], parts: list[str], capfd):
    networks = [] if "model" in " ".join(argv) else TINY
    message = refused(capfd, *networks, "trainer=cpu", "trainer.max_iterations=1", *argv)
    assert [part for part in parts if part not in message] == [], message


def test_of_several_processes_one_says_what_is_wrong_with_the_options(monkeypatch: pytest.MonkeyPatch, capfd):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert command("optim.lr=-1", "hydra.run.dir=run") == 2
    assert capfd.readouterr().err == ""
    assert Path("run", ".hydra").is_dir(), "another process may be about to write there"
    monkeypatch.setenv("LOCAL_RANK", "0")
    refused(capfd, "optim.lr=-1", "hydra.run.dir=run")


def test_the_switch_for_full_errors_is_put_back(capfd):
    refused(capfd, "trick=hinge")
    assert "HYDRA_FULL_ERROR" not in os.environ


def test_the_switch_for_full_errors_gives_the_traceback(monkeypatch: pytest.MonkeyPatch):
    from ssgan.errors import ConfigError

    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(ConfigError, match=r"optim\.lr=-1"):
        command("optim.lr=-1")
    assert os.environ["HYDRA_FULL_ERROR"] == "1"


def test_a_defect_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch, capfd):
    def defect(config, quiet):
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("ssgan.run.run", defect)
    with pytest.raises(ZeroDivisionError, match="ours"):
        command()


def test_ctrl_c_before_the_training_is_one_word(monkeypatch: pytest.MonkeyPatch, capfd):
    def interrupt(config, quiet):
        raise KeyboardInterrupt

    monkeypatch.setattr("ssgan.run.run", interrupt)
    assert command() == 130
    assert capfd.readouterr().err == "interrupted\n"


def test_a_wrong_option_ends_a_sweep_without_a_traceback(capfd):
    assert command("-m", "trick=none,hinge") != 0
    err = capfd.readouterr().err
    assert err.splitlines()[-1].startswith("error: ") and "hinge" in err and "Traceback" not in err
