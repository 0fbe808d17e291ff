"""Make the notebooks from their scripts: convert, execute, write.

python notebooks/build.py                 # all
python notebooks/build.py quickstart      # one

The script NAME.py is the source; NAME.ipynb is made of it, with outputs, so that it reads well unexecuted.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = Path(__file__).parent

#: Seconds that a cell may take.
TIMEOUT = 300


def source(name: str) -> NotebookNode:
    """The notebook that a script describes, not executed. Ids of cells are their numbers, so that they stay."""
    notebook = jupytext.read(FOLDER / f"{name}.py")
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return notebook


def execute(notebook: NotebookNode) -> NotebookNode:
    """Run all cells in the folder of the notebooks; ``!python`` is the interpreter that runs this.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    NotebookClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name="python3",
        resources={"metadata": {"path": str(FOLDER)}},
        record_timing=False,
    ).execute(env={**os.environ, "PATH": path})
    notebook.metadata.pop("language_info", None)  # names the interpreter's version
    return notebook


def names() -> list[str]:
    """Every notebook."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if path.name != Path(__file__).name)


if __name__ == "__main__":
    for chosen in sys.argv[1:] or names():
        nbformat.write(execute(source(chosen)), FOLDER / f"{chosen}.ipynb")
        print(f"notebooks/{chosen}.ipynb")
