"""Score the images of trained generators: FID, KID, Inception Score, precision and recall.

python -m ssgan.score RUN                                 # by a classifier of the same data, trained once
python -m ssgan.score RUN RUN --extractor SUPERVISED_RUN  # by a run of your own, best on all labels
python -m ssgan.score RUN --inception FILE --samples 50000   # as in the literature; FILE, or download

Samples and test images are compared with the training images. The test images are the floor: what real images score. A
score is named after what made the features, such as FID-digits-mlp or FID-inception, and compares with no score of
another name, other weights, another data set or number of samples. Written: score.json.
"""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ssgan.atomic_write import atomic_write
from ssgan.checks import in_range, positive
from ssgan.commands.flags import Parser, command
from ssgan.commands.output import output_folder, table_console
from ssgan.errors import ConfigError

if TYPE_CHECKING:
    from ssgan.inference.trained import TrainedModel
    from ssgan.scoring.extractors import Extractor

#: Samples of the literature's scores.
INCEPTION_SAMPLES = 50_000


@command
def main() -> None:
    """Read the flags, score, print and write."""
    parser = Parser("score", __doc__)
    parser.add_argument("runs", nargs="+", metavar="RUN", help="runs' folders, or checkpoints")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: score, inside RUN if it is one folder")
    parser.add_argument("--samples", type=int, metavar="N", help="default: as many as test images; Inception: 50000")
    parser.add_argument("--seed", type=int, default=0, help="of z (default: 0)")
    parser.add_argument("--extractor", metavar="RUN", help="the classifier whose features are compared")
    parser.add_argument("--inception", metavar="FILE", help="torch-fidelity's weights of Inception v3, or download")
    parser.add_argument("--data", metavar="PATH", help="where the images lie now, if they have been moved")
    parser.add_device()
    arguments = parser.parse_args()
    in_range("--seed", arguments.seed, 0, 2**63 - 1)
    if arguments.samples is not None:
        positive("--samples", arguments.samples)
    if arguments.extractor and arguments.inception:
        raise ConfigError("--extractor and --inception: give one of them")
    folder = output_folder(arguments.out, arguments.runs, "score")

    report, features = _score(arguments)
    with atomic_write(folder / "score.json") as aside:
        aside.write_text(json.dumps(report, indent=2) + "\n")
    _show(report)
    n = report["runs"][0]["samples"]
    if n < features:
        print(f"{n} samples are fewer than the {features} features: their FID is too large to mean much")
    print(f"written: {folder / 'score.json'}")


def _score(arguments: Namespace) -> tuple[dict[str, Any], int]:
    """What score.json holds, and the number of features by which images were compared."""
    from ssgan.scoring.scores import require_enough, require_library, scores

    require_library()
    models = _models(arguments.runs, arguments.device)
    first = next(iter(models.values()))
    data = first.images(arguments.data)
    n = arguments.samples or (INCEPTION_SAMPLES if arguments.inception else len(data.x_test))
    training = data.all_training_images()
    require_enough(training_images=len(training), test_images=len(data.x_test), samples=n)
    extractor = _extractor(arguments.extractor, arguments.inception, first, arguments.data)
    real = extractor(training)
    report = {
        "extractor": extractor.name,
        "weights": extractor.weights,
        "reference": f"{len(training)} training images",
        "seed": arguments.seed,
        "floor": {"images": f"{len(data.x_test)} test images", **scores(extractor(data.x_test), real)},
        "runs": [
            {"run": run, "samples": n, **scores(extractor(model.sample(n, arguments.seed)), real)}
            for run, model in models.items()
        ],
    }
    return report, real.features.shape[1]


def _models(runs: list[str], device: str) -> dict[str, TrainedModel]:
    """The trained models, all of one data set."""
    from ssgan.inference.stored_module import checkpoint_path
    from ssgan.inference.trained import load

    once: dict[Path, str] = {}
    for run in runs:
        once.setdefault(checkpoint_path(run).resolve(), run)  # one model is scored once, however often it is named
    models = {run: load(run, device) for run in once.values()}
    for model in models.values():
        _ = model.generator  # a supervised run is refused before anything long begins
    first = next(iter(models.values()))
    for run, model in models.items():
        if (model.config.data.name, model.data_checksum) != (first.config.data.name, first.data_checksum):
            raise ConfigError(f"{run} was trained on other images or labels than {runs[0]}; score them apart")
    return models


def _extractor(run: str | None, inception: str | None, model: TrainedModel, place: str | None) -> Extractor:
    """The extractor that the flags choose."""
    from ssgan.inference.trained import load
    from ssgan.scoring.extractors import ClassifierExtractor, InceptionExtractor
    from ssgan.scoring.own_extractor import own_extractor

    if inception:
        return InceptionExtractor(None if inception == "download" else Path(inception), model.device)
    if run:
        return ClassifierExtractor(load(run, str(model.device)))
    return ClassifierExtractor(own_extractor(model, place, print))


def _show(report: dict[str, Any]) -> None:
    """Print a table."""
    from rich.markup import escape
    from rich.table import Table

    name = report["extractor"]
    title = f"against {report['reference']}, by {name} with weights {report['weights']}"
    table = Table(title=title, title_justify="left", box=None)
    table.add_column("images")
    for column in (f"FID-{name}", f"KID-{name}", f"IS-{name}", "precision", "recall"):
        table.add_column(column, justify="right")
    rows = [(f"real: {report['floor']['images']}", report["floor"])]
    rows += [(f"{run['run']}: {run['samples']} samples", run) for run in report["runs"]]
    for title, row in rows:
        table.add_row(
            escape(title),
            f"{row['fid']:.2f}",
            f"{row['kid_mean']:.4f} ± {row['kid_std']:.4f}",
            f"{row['is_mean']:.2f} ± {row['is_std']:.2f}",
            f"{row['precision']:.3f}",
            f"{row['recall']:.3f}",
        )
    table_console(160).print(table)


if __name__ == "__main__":
    main()
