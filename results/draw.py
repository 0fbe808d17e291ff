"""Draw the learning curves of the runs kept here: ``python results/draw.py`` (needs the dev extra)."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

HERE = Path(__file__).parent

# Iterations of MNIST's published recipe in an epoch.
EPOCH = 600

# Three splits of experiment=mnist_100_short, the constant beside Adam's root as in all runs that it is drawn beside.
FIFTH = [HERE / "mnist_100_short" / name for name in ("gan", "gan_2", "gan_3")]

# A bare-PyTorch loop of the recipe of experiment=mnist_100_short: test errors after so many epochs.
BARE_LOOP = {1: 2368, 5: 1800, 9: 1200, 16: 555, 31: 350, 45: 259, 60: 235}


def curve(run: Path, key: str) -> tuple[list[float], list[float]]:
    """Iterations and values of one column of a run's log."""
    with (run / "metrics.csv").open(newline="") as file:
        rows = [(float(row["step"]), float(row[key])) for row in csv.DictReader(file) if row.get(key)]
    return [step for step, _ in rows], [value for _, value in rows]


def plot_errors(axis: Axes, runs: list[Path], label: str, colour: str, unit: int = 1) -> None:
    """Test errors of 10,000 of each run against the iteration, or against so many iterations as one."""
    for i, run in enumerate(runs):
        steps, values = curve(run, "test/error")
        name = None if i else label
        axis.plot([s / unit for s in steps], [1e4 * v for v in values], color=colour, linewidth=1, label=name)


def folders(pattern: str) -> list[Path]:
    """The runs kept under these names."""
    return sorted(path for path in HERE.glob(pattern) if path.is_dir())


def draw_mnist() -> None:
    """Test errors of MNIST with 100 labels, and the losses of the GAN."""
    folder = HERE / "mnist_100_short"
    figure, (errors, losses) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    runs = (
        ("under_root_1", "feature matching, three splits", "C3"),
        ("under_root_2", None, "C3"),
        ("under_root_3", None, "C3"),
        ("gan", "constant beside Adam's root, three", "C0"),
        ("gan_2", None, "C0"),
        ("gan_3", None, "C0"),
        ("gan_virtual_batch_norm_2", "so, and virtual batch norm, one", "C2"),
        ("supervised", "labels alone", "C1"),
    )
    for name, label, colour in runs:
        steps, values = curve(folder / name, "test/error")
        size = json.loads((folder / name / "result.json").read_text())["test_size"]
        errors.plot([s / EPOCH for s in steps], [v * size for v in values], label=label, color=colour, linewidth=1)
    errors.plot(list(BARE_LOOP), list(BARE_LOOP.values()), "k.", label="bare-PyTorch loop")
    errors.set(yscale="log", xlabel="epoch", ylabel="test errors of 10,000", title="MNIST, 100 labels")
    for key in ("train/d_labelled", "train/d_unlabelled", "train/g_loss"):
        steps, values = curve(folder / "gan", key)
        losses.plot([s / EPOCH for s in steps], values, label=key.removeprefix("train/"), linewidth=0.8)
    losses.set(yscale="log", xlabel="epoch", title="losses of the GAN")
    for axes, height in ((errors, 0.62), (losses, 0.5)):
        axes.legend(frameon=False, fontsize="small", loc="center right", bbox_to_anchor=(1.0, height))
        axes.grid(alpha=0.3)
    figure.savefig(folder / "curves.png", dpi=110)


def draw_mnist_full() -> None:
    """Test errors of the published recipe, beside labels alone and a fifth of its steps."""
    figure, axis = plt.subplots(figsize=(8, 3.6), layout="constrained")
    plot_errors(axis, folders("mnist_100/labels_*"), "labels alone, two splits", "C1", EPOCH)
    plot_errors(axis, folders("mnist_100/split_*"), "published recipe, 300 epochs", "C3", EPOCH)
    plot_errors(axis, FIFTH, "a fifth of the steps", "C0", EPOCH)
    axis.axhline(93, color="grey", linewidth=0.8, linestyle="--", label="Salimans et al. 2016, after 300")
    axis.set(yscale="log", xlabel="epoch", ylabel="test errors of 10,000", title="MNIST, 100 labels")
    axis.set_yticks([100, 200, 500, 1000, 2000], ["100", "200", "500", "1000", "2000"])
    figure.legend(frameon=False, loc="outside right center")
    axis.grid(alpha=0.3, which="both")
    figure.savefig(HERE / "mnist_100" / "curves.png", dpi=110)


def draw_mnist_full_labels() -> None:
    """Test errors of the published recipe by the number of labels."""
    figure, axis = plt.subplots(figsize=(8, 3.6), layout="constrained")
    groups = ((20, "C1", "one split"), (50, "C0", "one split"), (100, "C3", "five splits"), (200, "C2", "one split"))
    for labels, colour, runs in groups:
        plot_errors(axis, folders(f"mnist_{labels}/split_*"), f"{labels} labels, {runs}", colour, EPOCH)
    axis.set(yscale="log", xlabel="epoch", ylabel="test errors of 10,000", title="MNIST, the published recipe")
    figure.legend(frameon=False, loc="outside right center")
    axis.grid(alpha=0.3)
    figure.savefig(HERE / "mnist_200" / "curves.png", dpi=110)


def draw_mnist_dense() -> None:
    """Test errors of experiment=mnist_100_dense over 3,000 iterations, and where its baselines end."""
    folder = HERE / "mnist_100_dense"
    figure, axis = plt.subplots(figsize=(6, 3.6), layout="constrained")
    for i, run in enumerate(sorted(folder.glob("split_*"))):
        steps, values = curve(run, "test/error")
        axis.plot(steps, [100 * v for v in values], color="C2", linewidth=1, label=None if i else "with consistency")
    with (HERE / "ablation_mnist" / "runs.csv").open(newline="") as file:
        ends = [(row["configuration"], 100 * float(row["test_error"])) for row in csv.DictReader(file)]
    for name, marker in (("virtual_batch_norm", "C1s"), ("feature_matching", "C0o")):
        values = [error for configuration, error in ends if configuration == name]
        axis.plot([3000] * len(values), values, marker, label=f"{name.replace('_', ' ')} alone", markersize=4)
    axis.set(yscale="log", xlabel="iteration", ylabel="test error, %", title="MNIST, 100 labels, 3,000 iterations")
    axis.legend(frameon=False)
    axis.grid(alpha=0.3)
    figure.savefig(folder / "curves.png", dpi=110)


def draw_mnist_dense_short() -> None:
    """Test errors of experiment=mnist_100_dense over a fifth of the steps, beside plain feature matching."""
    figure, axis = plt.subplots(figsize=(6, 3.6), layout="constrained")
    plot_errors(axis, FIFTH, "feature matching", "C0", EPOCH)
    plot_errors(axis, folders("mnist_100_dense/short_[0-9]"), "experiment=mnist_100_dense", "C2", EPOCH)
    axis.axhline(93, color="grey", linewidth=0.8, linestyle="--", label="published, after 300 epochs")
    axis.set(yscale="log", xlabel="epoch", ylabel="test errors of 10,000", title="MNIST, 100 labels, 36,000 iterations")
    axis.legend(frameon=False)
    axis.grid(alpha=0.3, which="both")
    figure.savefig(HERE / "mnist_100_dense" / "short_curves.png", dpi=110)


def draw_mnist_errors(picture: str, *groups: tuple[str, str, str]) -> None:
    """Test errors of runs of MNIST with 100 labels against the iteration; each group has a pattern, name and colour."""
    figure, axis = plt.subplots(figsize=(8, 3.6), layout="constrained")
    for pattern, label, colour in groups:
        plot_errors(axis, folders(pattern), label, colour)
    axis.axhline(93, color="grey", linewidth=0.8, linestyle="--", label="Salimans et al. 2016, dense networks")
    axis.set(yscale="log", xlabel="iteration of 50 images", ylabel="test errors of 10,000", title="MNIST, 100 labels")
    axis.set_yticks([50, 100, 200, 500, 1000], ["50", "100", "200", "500", "1000"])
    figure.legend(frameon=False, loc="outside right center")
    axis.grid(alpha=0.3, which="both")
    figure.savefig(HERE / picture, dpi=110)


def draw_mnist_labels() -> None:
    """Test errors of experiment=mnist_100_views with 20 to 200 labels against their number, and the published ones."""
    figure, axis = plt.subplots(figsize=(6, 3.4), layout="constrained")
    ours = {n: sorted(HERE.glob(f"mnist_100_views/num_labels_{n}_*")) for n in (20, 50, 200)}
    ours[100] = sorted(HERE.glob("mnist_100_views/again_*"))  # the same splits and noise
    for i, (n, runs) in enumerate(ours.items()):
        errors = [json.loads((run / "result.json").read_text())["test_errors"] for run in runs]
        label = None if i else "experiment=mnist_100_views, each split"
        axis.plot([n] * len(errors), errors, "o", color="C2", markersize=4, label=label)
    published = {20: (1677, 452), 50: (221, 136), 100: (93, 6.5), 200: (90, 4.2)}  # over ten splits
    means, deviations = zip(*published.values(), strict=True)
    style = {"color": "grey", "capsize": 3, "marker": "s", "markersize": 4, "linewidth": 1}
    axis.errorbar(list(published), means, deviations, label="Salimans et al. 2016, dense networks", **style)
    axis.set(xscale="log", yscale="log", xlabel="labels", ylabel="test errors of 10,000", title="MNIST")
    axis.set_xticks(list(published), list(map(str, published)))
    axis.set_xticks([], minor=True)
    axis.set_yticks([100, 200, 500, 1000, 2000], ["100", "200", "500", "1000", "2000"])
    axis.legend(frameon=False)
    axis.grid(alpha=0.3, which="both")
    figure.savefig(HERE / "mnist_100_views" / "labels.png", dpi=110)


def draw_cifar10() -> None:
    """Losses of the short CIFAR-10 (JPEG) runs, one for each technique."""
    runs = sorted(path for path in (HERE / "cifar10_jpeg_short").iterdir() if path.is_dir())
    figure, axes = plt.subplots(2, 3, figsize=(11, 5), layout="constrained", sharex=True)
    for axis, run in zip(axes.flat, runs, strict=False):
        for key in ("train/d_labelled", "train/d_unlabelled", "train/g_loss"):
            axis.plot(*curve(run, key), label=key.removeprefix("train/"))
        axis.set(title=run.name)
        axis.grid(alpha=0.3)
    axes[0, 0].legend(frameon=False)
    figure.supxlabel("iteration")
    figure.savefig(HERE / "cifar10_jpeg_short" / "curves.png", dpi=110)


def draw_cifar10_small() -> None:
    """Test errors of experiment=cifar10_1000_small on JPEG images, of feature matching, and of the labels alone."""
    folder = HERE / "cifar10_1000_small"
    figure, axis = plt.subplots(figsize=(8, 3.6), layout="constrained")
    runs = (
        ("split_1", "with manifold regularisation", "C2", "-"),
        ("split_2", None, "C2", "-"),
        ("feature_matching_1", "feature matching", "C0", "-"),
        ("feature_matching_2", None, "C0", "-"),
        ("labels_1", "labels alone", "C1", "-"),
        ("labels_2", None, "C1", "-"),
        ("split_1_4000", "4,000 labels, with manifold", "C2", "--"),
        ("labels_1_4000", "4,000 labels alone", "C1", "--"),
    )
    for name, label, colour, style in runs:
        steps, values = curve(folder / name, "test/error")
        axis.plot(steps, [100 * v for v in values], style, color=colour, linewidth=1, label=label)
    axis.set(yscale="log", xlabel="iteration of 50 images", ylabel="test error, %", title="CIFAR-10 (JPEG)")
    axis.set_yticks([25, 30, 35, 40, 50, 60], [25, 30, 35, 40, 50, 60])
    axis.set_yticks([], minor=True)
    figure.legend(frameon=False, loc="outside right center")
    axis.grid(alpha=0.3)
    figure.savefig(folder / "curves.png", dpi=110)


if __name__ == "__main__":
    draw_mnist()
    draw_mnist_full()
    draw_mnist_full_labels()
    draw_mnist_dense()
    draw_mnist_dense_short()
    draw_mnist_errors(
        "mnist_100_conv/curves.png",
        ("mnist_100_conv/split_*", "experiment=mnist_100_conv, five splits", "C2"),
        ("mnist_100_conv/labels_clipped_*", "labels alone, clipped, five splits", "C1"),
    )
    draw_mnist_errors(
        "mnist_100_views/curves.png",
        ("mnist_100_views/without_*", "without virtual adversarial training", "C0"),
        ("mnist_100_views/split_*", "experiment=mnist_100_views", "C2"),
        ("mnist_100_views/five_epochs_*", "the same over five epochs", "C3"),
        ("mnist_100_views/no_gan_*", "without the GAN's part of D's cost", "C5"),
        ("mnist_100_views/labels_clipped_*", "labels alone, clipped, five splits", "C1"),
    )
    draw_mnist_errors(
        "mnist_100_best/curves.png",
        ("mnist_100_best/split_*", "experiment=mnist_100_best, ten splits", "C4"),
        ("mnist_100_best/labels_clipped_*", "labels alone, clipped, five splits", "C1"),
    )
    draw_mnist_labels()
    draw_cifar10()
    draw_cifar10_small()
