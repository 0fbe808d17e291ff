"""Notebooks: made of their scripts, whole, and they run."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

nbformat = pytest.importorskip("nbformat", reason="the notebooks extra is not installed")
pytest.importorskip("jupytext", reason="the notebooks extra is not installed")
pytest.importorskip("nbclient", reason="the notebooks extra is not installed")

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
NAMES = ("five_techniques", "quickstart")

#: What makes an execution short; the committed outputs are those of the whole.
SHORTER = {
    "five_techniques": {
        "trainer.max_iterations=450": "trainer.max_iterations=8",
        "hydra/launcher=joblib hydra.launcher.n_jobs=2": "trainer.threads=1",
    },
    "quickstart": {"trainer.eval_every=100": "trainer.eval_every=20 trainer.max_iterations=40 trainer.threads=1"},
}


@pytest.fixture(scope="module")
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build", NOTEBOOKS / "build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_script_has_its_notebook(build: ModuleType) -> None:
    assert tuple(build.names()) == NAMES
    assert sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")) == list(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_notebook_is_made_of_the_script(build: ModuleType, name: str) -> None:
    made = nbformat.read(NOTEBOOKS / f"{name}.ipynb", 4)
    script = build.source(name)
    assert [(c.cell_type, c.source) for c in made.cells] == [(c.cell_type, c.source) for c in script.cells], (
        f"run python notebooks/build.py {name}"
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_outputs_are_whole_and_tell_nothing_of_a_machine(name: str) -> None:
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", 4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    outputs = [output for cell in code for output in cell.outputs]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not [output for output in outputs if output.output_type == "error"]
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 4
    text = "".join(output.get("text", "") for output in outputs)
    assert not re.search(r"/(home|root|tmp|usr|work|Users)/|\x1b\[|Traceback|Warning", text)


@pytest.mark.parametrize("name", NAMES)
def test_it_runs(build: ModuleType, name: str) -> None:
    notebook = build.source(name)
    for long, short in SHORTER[name].items():
        assert any(long in cell.source for cell in notebook.cells)
        for cell in notebook.cells:
            cell.source = cell.source.replace(long, short)
    executed = build.execute(notebook)
    pictures = [o for cell in executed.cells for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]
    assert len(pictures) >= 4
