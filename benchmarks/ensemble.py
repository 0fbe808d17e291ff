"""An ensemble trained at once against its members one after the other.

python -m benchmarks.ensemble                      # ten members, dense and convolutional
python -m benchmarks.ensemble mlp --members 2 10 --json results.json
python -m benchmarks.ensemble mnist_100_best --options trainer.cuda_graphs=true trainer.iterations_per_batch=10

The ensemble is timed inside its own training run, in blocks of iterations. After each block one member alone does as
many with the same losses, augmentation, optimiser and average, and without Lightning around it; with CUDA graphs its
steps are one graph too. The ratio is the ensemble's time to the member's.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.cases import CASES, Recipe, images_of, train
from benchmarks.isolated import isolated
from benchmarks.machine import describe, device, write
from benchmarks.paired import Rival
from ssgan.augmentation.moves import augment
from ssgan.build import build_model
from ssgan.composition import compose
from ssgan.config import TrainConfig
from ssgan.data.module import SemiSupervisedData
from ssgan.objectives import discriminator_terms, frozen, generator_terms
from ssgan.steps import DiscriminatorBatch
from ssgan.training.captured import Captured
from ssgan.training.randomness import draw_discriminator_noise, draw_generator_noise

RECIPES = {**CASES, "mnist_100_best": Recipe(("experiment=mnist_100_best",), (1, 28, 28))}


def alone(config: TrainConfig, data: Any, place: str) -> Callable[[], None]:
    """A function that does one iteration of a single model, its steps as one graph where the options say so."""
    parts = SemiSupervisedData(data, config.data, 1)
    model = build_model(config, data.shape, data.classes, parts.num_labels)
    model.initialise(parts.start_images(500))
    model.to(place)
    generator, discriminator = networks = model.generator, model.discriminator
    o, n, graphs = config.optim, config.data.batch_size, config.trainer.cuda_graphs
    d_adam, g_adam = (
        torch.optim.Adam(
            network.parameters(),
            torch.tensor(o.lr, device=place) if graphs else o.lr,
            (o.beta1, o.beta2),
            o.eps,
            fused=True,
            capturable=graphs,
        )
        for network in (discriminator, generator)
    )
    pixels, labels = data.x_train[: 3 * n].to(place), data.y_train[:n].to(place)
    rng = torch.Generator(place).manual_seed(1)
    what = config.objective, config.tricks

    def steps(pixels: torch.Tensor) -> None:
        labelled, unlabelled, real = (model.scale(augment(x, config.data.augment, rng)) for x in pixels.chunk(3))
        noise = draw_discriminator_noise(*networks, (n, *data.shape), config.objective, config.tricks, rng)
        batch = DiscriminatorBatch(labelled, labels, unlabelled)
        d_terms = discriminator_terms(*networks, model.average.network, batch, noise, *what, model.progress)
        d_adam.zero_grad()
        torch.stack(list(d_terms.values())).sum().backward()
        d_adam.step()
        g_noise = draw_generator_noise(*networks, (n, *data.shape), config.tricks, rng)
        with frozen(discriminator):
            g_terms = generator_terms(*networks, model.companions, real, g_noise, *what, model.progress)
            g_adam.zero_grad()
            torch.stack(list(g_terms.values())).sum().backward()
        g_adam.step()

    take_steps = Captured(steps, [rng]) if graphs else steps
    follow = model.average.following(discriminator)

    def iteration() -> None:
        take_steps(pixels)
        follow(1e-4)

    return iteration


def measure(
    name: str, members: int, place: str, blocks: int, block: int, accelerating: Sequence[str] = ()
) -> dict[str, Any]:
    """Medians of a recipe, in seconds for an iteration; the ensemble with the accelerating options."""
    recipe = RECIPES[name]
    with tempfile.TemporaryDirectory() as folder:
        trainer = f"trainer={'gpu' if place == 'cuda' else 'cpu'}"
        single = compose([*recipe.options, trainer, *accelerating], Path(folder))
        rival = Rival(alone(single, images_of(recipe.shape), place), block, warm_up=block)
        length = f"trainer.max_iterations={(blocks + 1) * block}"
        quiet = (length, "trainer.eval_every=1000000", "trainer.test_curve=false", "callbacks=none")
        train(recipe, Path(folder), [*quiet, f"ensemble={members}", *accelerating], place, [rival])
    ratio = statistics.median(a / b for a, b in zip(rival.ours, rival.theirs, strict=True))
    return {
        "case": name, "members": members, "options": list(accelerating),
        "ensemble_ms": 1e3 * statistics.median(rival.ours), "member_ms": 1e3 * statistics.median(rival.theirs),
        "ratio": ratio, "ratio_to_sequence": ratio / members,
    }  # fmt: skip


def main() -> None:
    """Print a table; write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(RECIPES)}; default: mlp conv_svhn")
    parser.add_argument("--members", nargs="*", type=int, default=[10])
    parser.add_argument("--options", nargs="*", default=[], help="of the ensemble, that make it faster")
    parser.add_argument("--blocks", type=int, default=7)
    parser.add_argument("--limit", type=float, default=1200.0, help="seconds for each case (default: 1200)")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    print(describe())
    print(f"{'case':14}{'members':>8}{'ensemble ms':>13}{'one ms':>10}{'ratio':>8}{'/members':>10}")
    cases = []
    for name in arguments.cases or ("mlp", "conv_svhn"):
        block = {"digits": 50, "mlp": 5}.get(name, 1) if device() == "cpu" else 50
        cases += [(name, n, device(), arguments.blocks, block, arguments.options) for n in arguments.members]
    rows: list[dict[str, Any]] = []
    for (name, members, *_), row in isolated(measure, cases, arguments.limit):
        rows.append({"case": name, "members": members, "options": arguments.options} | row)
        write(arguments.json, rows)
        print(f"{name:14}{members:8}{_numbers(row)}", flush=True)
    sys.exit(any("error" in row for row in rows))


def _numbers(row: dict[str, Any]) -> str:
    if "error" in row:
        return f"  FAILED: {row['error']}"
    ensemble, ratios = row["ensemble_ms"], f"{row['ratio']:8.2f}{row['ratio_to_sequence']:10.2f}"
    return f"{ensemble:13.2f}{row['member_ms']:10.2f}{ratios}"


if __name__ == "__main__":
    main()
