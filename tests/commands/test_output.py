"""Where commands write, and how wide their tables are in a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.table import Table

from ssgan.commands.output import output_folder, table_console
from ssgan.errors import ConfigError


def test_the_named_folder_outranks_the_others(tmp_path: Path):
    assert output_folder(Path("out"), [str(tmp_path)], "report") == Path("out")


def test_inside_one_folder_and_otherwise_here(tmp_path: Path):
    file = tmp_path / "last.ckpt"
    file.touch()
    assert output_folder(None, [str(tmp_path)], "score") == tmp_path / "score"
    assert output_folder(None, [str(file)], "score") == Path("score")
    assert output_folder(None, [str(tmp_path), str(tmp_path)], "score") == Path("score")


def test_a_file_in_the_folders_place_is_refused(tmp_path: Path):
    (tmp_path / "score").touch()
    with pytest.raises(ConfigError, match=r"score is a file: name a folder with --out$"):
        output_folder(tmp_path / "score", [str(tmp_path)], "export")
    with pytest.raises(ConfigError, match=r"score is a file"):
        output_folder(None, [str(tmp_path)], "score")


@pytest.mark.parametrize("width", [120, 160])
def test_a_table_in_a_file_is_not_squeezed_into_a_terminals_width(width: int, capsys: pytest.CaptureFixture[str]):
    table = Table("x" * (width - 10), box=None)
    table_console(width).print(table)
    assert capsys.readouterr().out.strip() == "x" * (width - 10)
