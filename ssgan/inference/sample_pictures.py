"""Pictures of what a generator has learned: grids, single images, ways through its latent space, nearest neighbours."""

from __future__ import annotations

import csv
import math
import statistics
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from ssgan.atomic_write import atomic_write
from ssgan.data.images import ImageData
from ssgan.errors import ConfigError
from ssgan.inference.neighbours import Neighbours, nearest
from ssgan.inference.trained import TrainedModel
from ssgan.pictures import draw_grid, save_gif, save_png

#: Pixels between samples and their neighbours.
_GAP = 12

#: Test images whose distance to the training set is the measure for that of samples.
_YARDSTICK = 200


def write_grid(images: Tensor, folder: Path, columns: int) -> Path:
    """``grid.png``: all images."""
    path = folder / "grid.png"
    save_png(draw_grid(images, columns), path)
    return path


def write_single(images: Tensor, folder: Path) -> Path:
    """``single/000.png`` …: each image as it is, not enlarged; those of an earlier call go."""
    for earlier in (folder / "single").glob("*.png"):
        if earlier.stem.isdecimal():
            earlier.unlink()
    digits = max(3, len(str(len(images) - 1)))
    for i, image in enumerate(images):
        save_png(image, folder / "single" / f"{i:0{digits}}.png")
    return folder / "single"


def interpolate(ends: Tensor, steps: int) -> Tensor:
    """Equal steps on the straight line between two z: ``[pairs, 2, z_dim]`` → ``[pairs, steps, z_dim]``, ends included.

    z is uniform in a cube, which is convex: the line does not leave it. Its middle is nearer to the centre than most
    draws of z are.
    """
    way = torch.linspace(0, 1, steps).view(1, -1, 1)
    return torch.lerp(ends[:, :1], ends[:, 1:], way)


def write_interpolation(model: TrainedModel, folder: Path, pairs: int, steps: int, seed: int) -> list[Path]:
    """``interpolation.png``, a row for each pair of z, and ``interpolation.gif``, all rows at once, there and back."""
    z = interpolate(model.draw_z(2 * pairs, seed).view(pairs, 2, -1), steps)
    images = model.decode(z.flatten(0, 1))
    save_png(draw_grid(images, steps), folder / "interpolation.png")
    columns = next(c for c in range(math.isqrt(pairs - 1) + 1, pairs + 1) if pairs % c == 0)  # no cell is empty
    frames = [draw_grid(frame, columns) for frame in images.unflatten(0, (pairs, steps)).transpose(0, 1)]
    save_gif(frames + frames[-2:0:-1], folder / "interpolation.gif")
    return [folder / "interpolation.png", folder / "interpolation.gif"]


class NeighbourReport(NamedTuple):
    """What was written, and how far from their nearest training image samples and, for comparison, test images are."""

    files: list[Path]
    samples: float  # medians
    tests: float


def write_neighbours(samples: Tensor, data: ImageData, folder: Path, k: int) -> NeighbourReport:
    """``neighbours.png``, a row for each sample and then its k nearest training images, and ``neighbours.csv``.

    Training images are all that the data set has for training, the unlabelled ones too. If samples are much nearer to
    them than test images are, the generator repeats what it has seen.

    Raises:
        ConfigError: there are fewer than k training images.
    """
    training = data.all_training_images()
    if k > len(training):
        raise ConfigError(f"{k} neighbours are more than the {len(training)} training images")
    found = nearest(samples, training, k)
    columns = draw_grid(samples, 1), draw_grid(training[found.indices].flatten(0, 1), k)
    gap = columns[0].new_full((3, columns[0].shape[1], _GAP), 255)
    save_png(torch.cat([columns[0], gap, columns[1]], 2), folder / "neighbours.png")
    _write_distances(found, data, folder / "neighbours.csv")
    tests = nearest(data.x_test[:: max(1, len(data.x_test) // _YARDSTICK)], training, 1)
    medians = [statistics.median(each.distances[:, 0].tolist()) for each in (found, tests)]
    return NeighbourReport([folder / "neighbours.png", folder / "neighbours.csv"], *medians)


def _write_distances(found: Neighbours, data: ImageData, path: Path) -> None:
    """A row for each neighbour. ``index`` counts within its set, labelled or unlabelled; these have no class."""
    labelled = len(data.x_train)
    with atomic_write(path) as aside, aside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["sample", "rank", "set", "index", "class", "distance"])
        for sample, (indices, distances) in enumerate(
            zip(found.indices.tolist(), found.distances.tolist(), strict=True)
        ):
            for rank, (index, distance) in enumerate(zip(indices, distances, strict=True), 1):
                place = (
                    ("train", index, data.classes[int(data.y_train[index])])
                    if index < labelled
                    else ("unlabelled", index - labelled, "")
                )
                writer.writerow([sample, rank, *place, f"{distance:.6g}"])
