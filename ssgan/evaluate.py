"""Measure trained models on their test set, each and as an ensemble.

python -m ssgan.evaluate RUN                       # into RUN/evaluation
python -m ssgan.evaluate multirun/.../trick-none*  # several runs, and the mean of their probabilities

Printed: the test error with a bootstrap interval over test images, the expected calibration error, and each class's
precision, recall and F1. Written: evaluation.json, confusion.png, reliability.png, mistakes.png with the most confident
mistakes, and probabilities.npz: such a file can take the place of its RUN, also where the model no longer is.
The members of an ensemble need the same test set.
"""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ssgan.atomic_write import atomic_write
from ssgan.checks import positive
from ssgan.commands.flags import Parser, command
from ssgan.commands.output import output_folder, table_console
from ssgan.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

    from ssgan.inference.evaluation import Evaluation
    from ssgan.inference.probabilities_file import MeasuredModel


@command
def main() -> None:
    """Read the flags, evaluate, write and print."""
    parser = Parser("evaluate", __doc__)
    parser.add_argument("runs", nargs="+", metavar="RUN", help="a run's folder, a checkpoint, or probabilities.npz")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: evaluation, inside RUN if it is one folder")
    parser.add_argument("--level", type=float, default=0.95, help="of the bootstrap interval (default: 0.95)")
    parser.add_argument("--data", metavar="PATH", help="where the test images lie now, if they have been moved")
    parser.add_argument("--batch-size", type=int, metavar="N", help="images computed together; default: up to 1000")
    parser.add_device()
    arguments = parser.parse_args()
    if not 0 < arguments.level < 1:
        raise ConfigError(f"--level={arguments.level}: must be between 0 and 1")
    if arguments.batch_size is not None:
        positive("--batch-size", arguments.batch_size)
    folder = output_folder(arguments.out, arguments.runs, "evaluation")
    _require_not_overwritten(arguments.runs, folder / "probabilities.npz")

    tested, images = _test_each(arguments)
    whole = _together(tested)
    report: dict[str, Any] = {
        "runs": [{"run": run, **each.facts, **each.evaluation.summary(arguments.level)} for run, each in tested.items()]
    }
    if len(tested) > 1:
        report["ensemble"] = whole.evaluation.summary(arguments.level)
    written = _write(report, whole, images, folder)
    _show({run: each.evaluation for run, each in tested.items()}, whole.evaluation, arguments.level)
    print(f"written: {', '.join(written)} in {folder}")


def _test_each(arguments: Namespace) -> tuple[dict[str, MeasuredModel], Tensor | None]:
    """Each run's predictions of the test set, which all must share; its images, unless all were files."""
    from ssgan.inference.probabilities_file import SUFFIX, read_probabilities
    from ssgan.inference.stored_module import checkpoint_path

    tested: dict[str, MeasuredModel] = {}
    images: Tensor | None = None
    seen: set[Path] = set()
    for run in arguments.runs:
        is_file = Path(run).suffix == SUFFIX and not Path(run).is_dir()
        place = (Path(run) if is_file else checkpoint_path(run)).resolve()
        if place in seen:
            continue  # one model is one member, however often it is named
        seen.add(place)
        if is_file:
            tested[run] = read_probabilities(place)
        else:
            tested[run], images = _test(run, arguments)
        _require_same_test_set(tested)
    return tested, images


def _test(run: str, arguments: Namespace) -> tuple[MeasuredModel, Tensor]:
    """The run's predictions of its test set, and the test images."""
    from ssgan.inference.evaluation import Evaluation
    from ssgan.inference.probabilities_file import MeasuredModel
    from ssgan.inference.trained import load

    model = load(run, arguments.device)
    if not model.knows_classes:
        raise ConfigError(f"{run} was trained without labels: D has not learned the classes; ssgan.score rates samples")
    data = model.images(arguments.data)
    prediction = model.predict(data.x_test, arguments.batch_size)
    facts = {"seed": model.config.run.seed, "data_seed": model.config.data.seed, "device": str(model.device)}
    evaluation = Evaluation(prediction.probabilities, data.y_test, model.classes)
    return MeasuredModel(evaluation, facts, data.test_checksum()), data.x_test


def _together(tested: dict[str, MeasuredModel]) -> MeasuredModel:
    """The ensemble of several models, or the single one."""
    from ssgan.inference.evaluation import ensemble
    from ssgan.inference.probabilities_file import MeasuredModel

    first, *others = tested.values()
    if not others:
        return first
    evaluations = [each.evaluation for each in tested.values()]
    return MeasuredModel(ensemble(evaluations), {"ensemble": len(evaluations)}, first.test_set)


def _write(report: dict[str, Any], whole: MeasuredModel, images: Tensor | None, folder: Path) -> list[str]:
    """Write the figures, the probabilities and the pictures; the files' names."""
    from ssgan.inference.evaluation_pictures import write_pictures
    from ssgan.inference.probabilities_file import write_probabilities

    pictures = write_pictures(whole.evaluation, images, folder)
    write_probabilities(whole, folder / "probabilities.npz")
    with atomic_write(folder / "evaluation.json") as aside:
        aside.write_text(json.dumps(report, indent=2) + "\n")
    return ["evaluation.json", "probabilities.npz", *(path.name for path in pictures)]


def _require_not_overwritten(runs: list[str], written: Path) -> None:
    """Refuse to replace one of the files that are to be read."""
    for run in runs:
        if Path(run).resolve() == written.resolve():
            raise ConfigError(f"{run} would be overwritten by its ensemble's: name another folder with --out")


def _require_same_test_set(tested: dict[str, MeasuredModel]) -> None:
    """Refuse members of an ensemble that were tested on other images than the first."""
    (first, expected), *others = tested.items()
    for run, each in others:
        if each.test_set != expected.test_set:
            raise ConfigError(f"{run} has other test images or classes than {first}; evaluate them apart")


def _show(members: dict[str, Evaluation], whole: Evaluation, level: float) -> None:
    """Print the errors, and the classes of the single run or the ensemble."""
    from rich.markup import escape
    from rich.table import Table

    from ssgan.inference.evaluation_tables import class_table, error_table

    console = table_console()
    tables: list[Table] = [error_table(members, whole, level), class_table(whole)]
    for table in tables:
        console.print(table)
        console.print()
    if len(members) > 1:
        console.print(escape(f"classes and pictures are those of the ensemble of {len(members)}"))


if __name__ == "__main__":
    main()
