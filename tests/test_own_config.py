"""A configuration folder of the user's own beside the project's, and what is said of mistakes in it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.runs import command


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def refused(capfd: pytest.CaptureFixture[str], *argv: str) -> str:
    assert command(*argv) == 2
    err = capfd.readouterr().err
    assert err.startswith("error: ") and err.count("\n") == 1, err
    return err


def own(content: bytes, name: str = "mine") -> Path:
    file = Path("own", "trick", f"{name}.yaml")
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    return file


def test_a_file_that_is_no_text_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    file = own(b"a: \xff\xfe")
    message = refused(capfd, "--config-dir=own", "trick=mine")
    assert str(file) in message and "not UTF-8" in message


def test_techniques_of_one_s_own_are_among_the_choices(capfd: pytest.CaptureFixture[str]) -> None:
    own(b"pacing:\n  _target_: ssgan.tricks.FeatureMatching\n", "pacing")
    for argv in (["trick=[pasing]"], ["trick=pasing"]):
        message = refused(capfd, "--config-dir=own", *argv)
        assert "did you mean 'pacing'" in message and "feature_matching" in message


def test_a_network_of_one_s_own_need_not_say_what_it_leaves_as_it_is(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = Path("own", "model", "mine.yaml")
    file.parent.mkdir(parents=True)
    file.write_text("_target_: ssgan.networks.MLP\ngenerator_hidden: [16, 16]\ndiscriminator_hidden: [32, 16]\n")
    tricks = "trick=[feature_matching,minibatch_discrimination]"
    assert command("--config-dir=own", "model=mine", tricks, "--cfg", "job", "--resolve") == 0
    trick = yaml.safe_load(capfd.readouterr().out)["trick"]
    assert trick["feature_matching"]["norm"] == "l2" and trick["minibatch_discrimination"]["kernels"] == 100


def test_a_flag_among_the_overrides_says_where_flags_stand(capfd: pytest.CaptureFixture[str]) -> None:
    assert "flags stand before the overrides" in refused(capfd, "seed=1", "-m", "seed=2,3")


@pytest.mark.parametrize("group", ["trick", "callbacks", "logger"])
def test_a_target_without_a_name_is_told_where_it_belongs(group: str, capfd: pytest.CaptureFixture[str]) -> None:
    file = Path("own", group, "flat.yaml")
    file.parent.mkdir(parents=True)
    file.write_text("_target_: my.Thing\n")
    assert "stands under a name of its own: NAME: {_target_: my.Thing}" in refused(
        capfd, "--config-dir=own", f"{group}=flat"
    )


def test_a_technique_is_added_by_a_list(capfd: pytest.CaptureFixture[str]) -> None:
    message = refused(capfd, "+trick=label_smoothing")
    assert "trick is chosen already; list all that are meant: trick=[ONE,label_smoothing]" in message


def test_a_key_of_wandb_that_nothing_reads_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    message = refused(capfd, "logger=wandb", "+wandb.notes=hi")
    assert "wandb has no key 'notes'; it has mode, project" in message and "+logger.wandb.notes=" in message


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["data=folder", "data.path=2024_01"], "data.path is read as the number 202401; write data.path=./NAME"),
        (["data=folder", "data.path="], "data.path is empty; name a folder of images"),
        (["data=arrays", "data.path="], "data.path is empty; name an .npz file"),
        (["data.root=7"], "data.root is read as the number 7"),
        (["ckpt_path=2024"], "ckpt_path is read as the number 2024"),
        (
            ["hydra.run.dir=2024_01"],
            "hydra.run.dir=2024_01 is read as the number 202401; write hydra.run.dir=./2024_01",
        ),
        (["hydra.run.dir='~/runs'"], "hydra.run.dir=~/runs: Hydra does not know ~ here; write the whole path"),
        (["hydra.run.dir='a/${x}'"], "hydra.run.dir: Interpolation key 'x' not found"),
        (["-m", "hydra.run.dir=a"], "hydra.run.dir=a: the folder of a sweep is hydra.sweep.dir"),
    ],
)
def test_a_place_that_hydra_does_not_take_for_one_is_refused(
    options: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert said in refused(capfd, *options)
    assert not list(tmp_path.rglob("result.json"))
