"""A run from Python: what the command would make of the same overrides."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig

import ssgan
from ssgan.errors import ConfigError
from ssgan.run import run
from tests.runs import TINY, assert_equal, command, last_checkpoint


def test_a_run_from_python_is_that_of_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = [*TINY, "trick=[label_smoothing]", "trainer.max_iterations=4"]
    result = run(ssgan.compose(options, "python"), quiet=True)
    assert command(*options, "hydra.run.dir=command") == 0
    assert_equal(last_checkpoint(Path("python"))["state_dict"], last_checkpoint(Path("command"))["state_dict"])
    assert ssgan.load("python").config.tricks.names == result["tricks"] == ["label_smoothing"]
    assert (
        run(ssgan.compose([*options[:-1], "trainer.max_iterations=6", "ckpt_path=last"], "python"))["iterations"] == 6
    )


def test_configurations_of_one_s_own_are_found_and_hydra_is_left_as_it_was(tmp_path: Path) -> None:
    """A HydraConfig that stayed would have Lightning start DDP's processes with Hydra's arguments."""
    own = tmp_path / "my own, conf"
    (own / "trick").mkdir(parents=True)
    (own / "trick" / "strong.yaml").write_text("defaults: [feature_matching, historical_averaging]\n")
    before = HydraConfig.instance().cfg
    config = ssgan.compose(["trick=strong"], tmp_path / "run", config_dir=own)
    assert config.tricks.names == ["feature_matching", "historical_averaging"]
    assert config.run_dir == str(tmp_path / "run") and HydraConfig.instance().cfg is before
    with pytest.raises(ConfigError, match="there is no such folder"):
        ssgan.compose([], tmp_path / "other", config_dir=tmp_path / "none")


def test_it_can_be_used_inside_an_application_of_hydra(tmp_path: Path) -> None:
    with initialize_config_dir(str(tmp_path), version_base="1.3"):
        around = GlobalHydra.instance().hydra
        assert ssgan.compose(["seed=5"], tmp_path / "run").run.seed == 5
        assert GlobalHydra.instance().hydra is around


def test_a_folder_with_another_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "result.json").touch()
    with pytest.raises(ConfigError, match="is of another run"):
        ssgan.compose([], tmp_path)


def test_wrong_options_are_refused_and_make_no_folder(tmp_path: Path) -> None:
    for wrong, said in (
        ("optim.lr=0", "optim.lr=0"),
        ("trick=nothing", "unknown trick 'nothing'; choose from"),
        ("data=5", "unknown data '5'; choose from"),
        ("data.root='~nosuchuser/x'", "data.root=~nosuchuser/x: there is no such user"),
        ("seeed=1", "no key 'seeed' in the configuration .did you mean 'seed'"),
        ("sweep=ablation", "this is a sweep"),
        ("hydra.run.dir=elsewhere", "hydra.run.dir=elsewhere: .*the run's folder is run_dir"),
        ("+hydra.verbose=true", "hydra.verbose=true: Hydra itself does not run here"),
    ):
        with pytest.raises(ConfigError, match=said) as error:
            ssgan.compose([wrong], tmp_path / "run")
        assert "\n" not in str(error.value)
    assert not (tmp_path / "run").exists()


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ssgan.compose([], "~/run").run_dir == str(tmp_path / "run")
