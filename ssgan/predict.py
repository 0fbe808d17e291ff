"""Classify image files with a trained model, and say how real each looks.

python -m ssgan.predict RUN photos/ --out predictions.csv     # a folder, with its subfolders
python -m ssgan.predict RUN cat.png "more/**/*.jpg"           # files and patterns; CSV on the terminal
python -m ssgan.predict RUN photos/ --out predictions.jsonl   # JSON lines

Images may have any size and mode; they are prepared as the training images were. For each there are: file; label, the
most probable class; p(<class>), the probability of each class among the classes; and realness, the discriminator's
D(x) from 0 to 1. A realness near 0 is a hint that the image is unlike all that the model was trained on, whatever its
label says. Files that cannot be read are listed at the end, and the exit status is 1 then.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

from ssgan.checks import positive
from ssgan.commands.flags import Parser, command
from ssgan.data.image_files import left_out
from ssgan.errors import DataError
from ssgan.inference.predict_files import find_files, predict_files
from ssgan.inference.predictions import FORMATS, find_format, prediction_writer
from ssgan.inference.read_ahead import decoding_processes
from ssgan.machine.cores import cpu_count


@command
def main() -> None:
    """Read the flags, predict, write."""
    parser = Parser("predict", __doc__)
    parser.add_argument("run", metavar="RUN", help="a run's folder, or a checkpoint")
    parser.add_argument("images", nargs="+", metavar="IMAGES", help="files, folders, patterns")
    parser.add_argument("--out", type=Path, metavar="FILE", help="*.csv or *.jsonl; default: the standard output")
    parser.add_argument("--format", choices=FORMATS, help="default: by the file's ending, or else csv")
    parser.add_argument("--batch-size", type=int, metavar="N", help="images computed together; default: up to 1000")
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        default=cpu_count(),
        help="processes that decode; default: one per processor",
    )
    parser.add_device()
    arguments = parser.parse_args()
    positive("--workers", arguments.workers)
    if arguments.batch_size is not None:
        positive("--batch-size", arguments.batch_size)
    fmt = find_format(arguments.format, arguments.out)
    others: Counter[str] = Counter()
    files = find_files(arguments.images, others)
    if others:
        print(left_out(others), file=sys.stderr)

    unreadable: dict[str, str] = {}
    try:
        with decoding_processes(min(arguments.workers, len(files))) as executor:
            from ssgan.inference.trained import load

            model = load(arguments.run, arguments.device)
            if not model.knows_classes:
                print(f"{arguments.run} was trained without labels: only realness means something", file=sys.stderr)
            with (
                progress_bar(len(files), shown=arguments.out is not None or not sys.stdout.isatty()) as advance,
                prediction_writer(arguments.out, fmt, model.classes) as writer,
            ):
                for prediction in predict_files(model, files, executor, arguments.batch_size, unreadable, advance):
                    writer.write(prediction)
                if len(unreadable) == len(files):
                    raise DataError(f"no image could be read: {describe(unreadable)}")
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    if arguments.out:
        print(f"{len(files) - len(unreadable)} predictions in {arguments.out}")
    if unreadable:
        print(f"{len(unreadable)} of {len(files)} files could not be read:", file=sys.stderr)
        for file, reason in unreadable.items():
            print(f"  {file}: {reason}", file=sys.stderr)
        sys.exit(1)


@contextmanager
def progress_bar(total: int, shown: bool) -> Iterator[Callable[[int], None]]:
    """A function that moves a bar on the standard error by a number of files; the bar needs a terminal."""
    columns = (*Progress.get_default_columns(), MofNCompleteColumn())
    console = Console(stderr=True)
    # Only where there is a terminal, or rich would leave an empty line in a log.
    with Progress(*columns, console=console, disable=not (shown and console.is_terminal), redirect_stdout=False) as bar:
        task = bar.add_task("Predicting", total=total)
        yield lambda count: bar.advance(task, count)


def describe(unreadable: Mapping[str, str], named: int = 3) -> str:
    """The first files with their reasons, and how many more there are."""
    listed = [f"{file} ({reason})" for file, reason in list(unreadable.items())[:named]]
    more = f" and {len(unreadable) - named} more" if len(unreadable) > named else ""
    return ", ".join(listed) + more


if __name__ == "__main__":
    main()
