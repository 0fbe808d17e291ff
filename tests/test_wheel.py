"""The wheel is complete, and works with no checkout at hand."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GROUPS = ("callbacks", "data", "debug", "experiment", "logger", "model", "objective", "optim", "trainer", "trick")


def run(*command: str | Path, cwd: Path) -> str:
    """Standard output of a command that must succeed, in an environment that does not lead to the checkout."""
    env = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build(*options: str, out: Path) -> Path:
    """The wheel, built with what is installed."""
    run(sys.executable, "-m", "build", "--no-isolation", *options, "--outdir", out, ROOT, cwd=out.parent)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel built from the checkout."""
    return build("--wheel", out=tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def venv(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel, and with its dependencies from the environment of the tests.

    These come by a path file, for Python reads no path files in a folder that one adds: an editable ssgan stays out.
    """
    folder = tmp_path_factory.mktemp("venv")
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
    python = folder / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-index", "--no-deps", wheel, cwd=folder)
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip()
    paths = dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))
    Path(site, "dependencies.pth").write_text("\n".join(paths) + "\n")
    return python.parent


def contents(wheel: Path) -> dict[str, int]:
    """Names and checksums of the files in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {file.filename: file.CRC for file in archive.infolist()}


def test_configuration_is_inside(wheel: Path) -> None:
    inside = {name.removeprefix("ssgan/") for name in contents(wheel) if name.startswith("ssgan/conf/")}
    assert inside == {str(path.relative_to(ROOT)) for path in (ROOT / "conf").rglob("*.yaml")}
    assert "conf/train.yaml" in inside
    assert {name.split("/")[1] for name in inside if name.count("/") > 1} >= set(GROUPS)


def test_only_the_package_is_inside(wheel: Path) -> None:
    assert {name.split("/")[0].split("-")[0] for name in contents(wheel)} == {"ssgan"}


def test_source_archive_makes_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    assert contents(build(out=tmp_path / "dist")) == contents(wheel)


def test_package_in_use_is_the_wheel(venv: Path, tmp_path: Path) -> None:
    path = run(venv / "python", "-c", "import ssgan, sys; print(ssgan.__file__, *sys.path, sep='\\n')", cwd=tmp_path)
    package, *search = path.splitlines()
    assert Path(package).is_relative_to(venv.parent)
    assert str(ROOT) not in search


def test_configuration_is_found(venv: Path, tmp_path: Path) -> None:
    assert "feature_matching:" in run(venv / "python", "-m", "ssgan.train", "--cfg", "job", cwd=tmp_path)


def test_command_explains_itself(venv: Path, tmp_path: Path) -> None:
    shown = run(venv / "ssgan-train", "--help", cwd=tmp_path)
    assert "Train a K+1-class semi-supervised GAN" in shown
    assert all(f"{group}:" in shown for group in GROUPS)


def test_command_trains(venv: Path, tmp_path: Path) -> None:
    run(venv / "ssgan-train", "debug=fast", "trainer=cpu", "callbacks=[]", "hydra.run.dir=run", cwd=tmp_path)
    assert (tmp_path / "run" / "result.json").is_file()
