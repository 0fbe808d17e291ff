"""The options of the sources: importable without torch, the same in Python and YAML, checked when built."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from omegaconf.errors import MissingMandatoryValue

from ssgan.augmentation import Augmentation
from ssgan.data import CIFAR10, MNIST, SVHN, Arrays, Digits, Folder, Table
from ssgan.data.images import ImageData
from ssgan.data.options import DataOptions
from ssgan.errors import ConfigError

REPOSITORY = Path(__file__).parents[2]
CONF = REPOSITORY / "conf" / "data"
SOURCES = {cls.name: cls for cls in (Digits, MNIST, SVHN, CIFAR10, Folder, Table, Arrays)}


def composed(name: str, *overrides: str):
    """The group's file over its base, as Hydra composes the two; the groups it may select besides play no part."""
    node = OmegaConf.load(CONF / f"{name}.yaml")
    base = OmegaConf.load(CONF / f"{node.pop('defaults')[0]}.yaml")
    return OmegaConf.merge(base, node, OmegaConf.from_dotlist(list(overrides)))


def built(cls, node):
    """The dataclass from its node, as the entry points build it."""
    options = {key: value for key, value in OmegaConf.to_container(node, resolve=True).items() if key != "_target_"}
    return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(cls), options))


def test_options_need_no_heavy_import() -> None:
    heavy = ["torch", "torchvision", "numpy", "scipy", "sklearn", "PIL", "lightning"]
    code = (
        "import sys; from ssgan.data import Digits, Folder, MNIST, Table;"
        " Digits(); MNIST(); Folder(path='x'); Table(path='x');"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=REPOSITORY)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("name", SOURCES)
def test_yaml_and_dataclass_agree(name: str) -> None:
    cls = SOURCES[name]
    mandatory = {"path": "x"} if name in ("folder", "table", "arrays") else {}
    node = composed(name, *(f"{key}={value}" for key, value in mandatory.items()))
    assert node._target_ == f"ssgan.data.{cls.__name__}"
    assert set(node) - {"_target_"} == {field.name for field in dataclasses.fields(cls)}
    assert built(cls, node) == cls(**mandatory)


@pytest.mark.parametrize("name", ["folder", "table", "arrays"])
def test_the_path_is_mandatory(name: str) -> None:
    node = composed(name)
    with pytest.raises(MissingMandatoryValue):
        _ = node.path


def test_overrides_reach_the_dataclass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSGAN_DATA", "/somewhere")
    options = built(CIFAR10, composed("cifar10", "augment.shift=2", "num_labels=null"))
    assert options.augment == Augmentation(flip=False, shift=2)
    assert options.num_labels is None
    assert options.root_path == Path("/somewhere")


def test_where_data_is_kept(cache_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    assert MNIST(root="~/sets").root_path == Path("/home/someone/sets")
    if sys.platform == "linux":
        assert MNIST().root_path == MNIST(root="").root_path == cache_home / "ssgan"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("num_labels", 0),
        ("num_labels", -10),
        ("num_val", -1),
        ("seed", -1),
        ("seed", 2**32),
        ("batch_size", 0),
        ("eval_batch_size", 0),
    ],
)
def test_wrong_options_are_refused(option: str, value: int) -> None:
    with pytest.raises(ConfigError, match=rf"^data\.{option}={value}: must be"):
        Digits(**{option: value})


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("image_size", 0),
        ("num_test", -1),
        ("channels", 2),
        ("resize", "stretch"),
        ("unreadable", "ignore"),
        ("test", "a/b"),
        ("test", ""),
        ("unlabelled", ".."),
        ("unlabelled", "test"),
    ],
)
def test_wrong_options_of_a_folder_are_refused(option: str, value: object) -> None:
    with pytest.raises(ConfigError, match=rf"^data\.{option}={value}: must"):
        Folder(path="x", **{option: value})


def test_a_set_of_one_s_own_has_a_name() -> None:
    @dataclass(kw_only=True)
    class Photos(DataOptions):
        def load(self) -> ImageData:
            raise NotImplementedError

    class Digits2(Digits):
        pass

    assert (Photos().name, Digits2().name) == ("photos", "digits")
