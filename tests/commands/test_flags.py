"""Commands of ordinary flags: one line and an exit status for what is wrong."""

from __future__ import annotations

import pytest

from ssgan.commands.flags import Parser, command
from ssgan.errors import ConfigError, DataError


def parser() -> Parser:
    made = Parser("predict", "What it does.\n\n    python -m ssgan.predict RUN\n")
    made.add_argument("run")
    made.add_argument("--workers", type=int, default=2)
    made.add_device()
    return made


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "the following arguments are required: run"),
        (["a", "--no-such"], "unrecognized arguments: --no-such"),
        (["a", "--work", "3"], "unrecognized arguments: --work 3"),  # no abbreviations: a new flag may begin so too
        (["a", "--workers", "many"], "argument --workers: invalid int value: 'many'"),
    ],
)
def test_a_wrong_flag_is_one_line(argv: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parser().parse_args(argv)
    printed = capsys.readouterr()
    assert end.value.code == 2 and printed.out == ""
    assert printed.err == f"error: {said}; python -m ssgan.predict --help lists what there is\n"


def test_help_keeps_the_layout_of_the_description(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parser().parse_args(["--help"])
    text = capsys.readouterr().out
    assert not end.value.code and "What it does.\n\n    python -m ssgan.predict RUN\n" in text
    assert text.startswith("usage: python -m ssgan.predict ")


def test_where_to_compute_is_found_out_unless_it_is_said() -> None:
    assert parser().parse_args(["a"]).device == "auto"
    assert parser().parse_args(["a", "--device", "cpu", "--workers", "5"]).workers == 5


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (ConfigError("a wrong option"), 2, "error: a wrong option\n"),
        (DataError("no data"), 1, "error: no data\n"),
        (PermissionError(13, "Permission denied", "out.csv"), 1, "error: [Errno 13] Permission denied: 'out.csv'\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
)
def test_what_the_user_can_mend_is_one_line(
    error: BaseException, status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def main() -> None:
        raise error

    with pytest.raises(SystemExit) as end:
        command(main)()
    assert end.value.code == status and capsys.readouterr().err == said


def test_a_defect_keeps_its_traceback() -> None:
    def main() -> None:
        raise ZeroDivisionError("ours")

    with pytest.raises(ZeroDivisionError, match="ours"):
        command(main)()
