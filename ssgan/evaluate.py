"""Measure trained models on their test set, each and as an ensemble.

python -m ssgan.evaluate RUN                       # into RUN/evaluation
python -m ssgan.evaluate multirun/.../trick-none*  # several runs, and the mean of their probabilities

Printed: the test error with a bootstrap interval over test images, the expected calibration error, and each class's
precision, recall and F1. Written: evaluation.json, confusion.png, reliability.png, and mistakes.png with the most
confident mistakes. The members of an ensemble need the same test set.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ssgan.errors import ConfigError
from ssgan.flags import Parser, run_command

if TYPE_CHECKING:
    from ssgan.data.images import ImageData
    from ssgan.inference.evaluation import Evaluation


def main() -> None:
    """Read the flags, evaluate, print and write."""
    parser = Parser("evaluate", __doc__)
    parser.add_argument("runs", nargs="+", metavar="RUN", help="runs' folders, or checkpoints")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: evaluation, inside RUN if it is one folder")
    parser.add_argument("--level", type=float, default=0.95, help="of the bootstrap interval (default: 0.95)")
    parser.add_argument("--data", metavar="PATH", help="where the test images lie now, if they have been moved")
    parser.add_argument("--batch-size", type=int, metavar="N", help="images computed together; default: up to 1000")
    parser.add_device()
    arguments = parser.parse_args()
    if not 0 < arguments.level < 1:
        raise ConfigError(f"--level={arguments.level}: must be between 0 and 1")
    if arguments.batch_size is not None and arguments.batch_size < 1:
        raise ConfigError(f"--batch-size={arguments.batch_size}: must be 1 or more")
    single = len(arguments.runs) == 1 and Path(arguments.runs[0]).is_dir()
    folder = arguments.out or (Path(arguments.runs[0]) if single else Path()) / "evaluation"

    from ssgan.inference.evaluation import Evaluation, ensemble
    from ssgan.inference.evaluation_pictures import write_pictures
    from ssgan.inference.trained import load
    from ssgan.whole_files import written_aside

    members: dict[str, Evaluation] = {}
    facts: dict[str, dict[str, Any]] = {}
    data: ImageData | None = None
    for run in dict.fromkeys(arguments.runs):
        model = load(run, arguments.device)
        own = model.images(arguments.data)
        data = _same_test_set(run, own, data, arguments.runs[0])
        prediction = model.predict(own.x_test, arguments.batch_size)
        members[run] = Evaluation(prediction.probabilities, own.y_test, model.classes)
        facts[run] = {"seed": model.config.run.seed, "data_seed": model.config.data.seed, "device": str(model.device)}
    assert data is not None

    report: dict[str, Any] = {
        "runs": [{"run": run, **facts[run], **each.summary(arguments.level)} for run, each in members.items()]
    }
    whole = next(iter(members.values()))
    if len(members) > 1:
        whole = ensemble(list(members.values()))
        report["ensemble"] = whole.summary(arguments.level)
    files = write_pictures(whole, data.x_test, folder)
    with written_aside(folder / "evaluation.json") as aside:
        aside.write_text(json.dumps(report, indent=2) + "\n")
    _show(members, whole, arguments.level)
    print(f"written: {', '.join(path.name for path in [folder / 'evaluation.json', *files])} in {folder}")


def _same_test_set(run: str, own: ImageData, first: ImageData | None, first_run: str) -> ImageData:
    """The first run's data; an ensemble's members have to share its test set."""
    import torch

    if first is None or (
        own.classes == first.classes and torch.equal(own.x_test, first.x_test) and torch.equal(own.y_test, first.y_test)
    ):
        return own
    raise ConfigError(f"{run} has other test images or classes than {first_run}; evaluate them apart")


def _show(members: dict[str, Evaluation], whole: Evaluation, level: float) -> None:
    """Print the errors, and the classes of the single run or the ensemble."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from ssgan.inference.evaluation_tables import class_table, error_table

    console = Console()
    if not console.is_terminal:
        console.width = 120  # in a file nothing needs to be wrapped
    tables: list[Table] = [error_table(members, whole, level), class_table(whole)]
    for table in tables:
        console.print(table)
        console.print()
    if len(members) > 1:
        console.print(escape(f"classes and pictures are those of the ensemble of {len(members)}"))


def command() -> None:
    """The command ``ssgan-evaluate``, with errors as one line."""
    run_command(main)


if __name__ == "__main__":
    command()
