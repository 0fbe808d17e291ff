"""Generate images with a trained model, and look at what its generator has learned.

python -m ssgan.sample RUN                            # grid.png, in RUN/generated
python -m ssgan.sample RUN --single --count 1000      # each image in a file of its own too
python -m ssgan.sample RUN --interpolate 16           # from one z to another: a picture and a GIF
python -m ssgan.sample RUN --neighbours 5             # beside each sample the nearest training images

The same seed gives the same images, and of more images the first are those of fewer. z is uniform in the cube [0, 1)^d,
so a straight line between two z stays inside it. Neighbours are nearest by their pixels; the distances are in
neighbours.csv, and the last line compares them with those of test images.
"""

from __future__ import annotations

from pathlib import Path

from ssgan.checks import in_range, positive
from ssgan.commands.flags import Parser, command
from ssgan.commands.output import output_folder
from ssgan.errors import ConfigError


@command
def main() -> None:
    """Read the flags, generate, write the pictures."""
    parser = Parser("sample", __doc__)
    parser.add_argument("run", metavar="RUN", help="a run's folder, or a checkpoint")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: generated, inside RUN if it is a folder")
    parser.add_argument("--count", type=int, default=64, metavar="N", help="images (default: 64)")
    parser.add_argument("--seed", type=int, default=0, help="of z (default: 0)")
    parser.add_argument("--grid", type=int, default=8, metavar="COLUMNS", help="columns of the grid (default: 8)")
    parser.add_argument("--single", action="store_true", help="each image as single/NNN.png too, not enlarged")
    parser.add_argument("--interpolate", type=int, metavar="STEPS", help="images on the way from one z to another")
    parser.add_argument("--pairs", type=int, default=8, metavar="N", help="of z to interpolate between (default: 8)")
    parser.add_argument("--neighbours", type=int, metavar="K", help="nearest training images of samples")
    parser.add_argument("--rows", type=int, default=16, metavar="N", help="samples with neighbours (default: 16)")
    parser.add_argument("--data", metavar="PATH", help="where the training images lie now, if they have been moved")
    parser.add_device()
    arguments = parser.parse_args()
    for flag in ("count", "grid", "pairs", "rows"):
        positive(f"--{flag}", getattr(arguments, flag))
    in_range("--seed", arguments.seed, 0, 2**63 - 1)
    if arguments.interpolate is not None and arguments.interpolate < 2:
        raise ConfigError(f"--interpolate={arguments.interpolate}: must be 2 or more, for the ends are counted")
    if arguments.neighbours is not None:
        positive("--neighbours", arguments.neighbours)
    folder = output_folder(arguments.out, [arguments.run], "generated")

    from ssgan.inference.sample_pictures import write_grid, write_interpolation, write_neighbours, write_single
    from ssgan.inference.trained import load

    model = load(arguments.run, arguments.device)
    images = model.sample(arguments.count, arguments.seed)
    neighbours = None
    if arguments.neighbours:  # before anything is written: the training images may be elsewhere, or fewer
        data = model.images(arguments.data)
        neighbours = write_neighbours(images[: arguments.rows], data, folder, arguments.neighbours)
    print(write_grid(images, folder, arguments.grid))
    if arguments.single:
        print(write_single(images, folder))
    if arguments.interpolate:
        print(*write_interpolation(model, folder, arguments.pairs, arguments.interpolate, arguments.seed), sep="\n")
    if neighbours is not None:
        print(*neighbours.files, sep="\n")
        print(
            "median Euclidean distance to the nearest training image, pixels from 0 to 1:"
            f" {neighbours.samples:.3g} of samples, {neighbours.tests:.3g} of test images"
        )


if __name__ == "__main__":
    main()
