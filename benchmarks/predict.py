"""Predictions of 10,000 image files, from disk to CSV, against the network alone on images that are in memory already.

python -m benchmarks.predict                                  # the published SVHN network, 32×32
python -m benchmarks.predict data=svhn model=mlp --rounds 5   # another network, by the options of ssgan.train
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ssgan.build import build_model
from ssgan.composition import compose
from ssgan.inference.predict_files import predict_files
from ssgan.inference.predictions import prediction_writer
from ssgan.inference.read_ahead import decode_batch, decoding_processes
from ssgan.inference.trained import TrainedModel, find_device
from ssgan.machine.cores import cpu_count

CLASSES = [str(k) for k in range(10)]


def untrained(folder: Path, overrides: list[str], device: str) -> TrainedModel:
    """A model of 32×32 RGB images with its start values, which takes as long as a trained one."""
    config = compose(overrides, folder)
    module = build_model(config, (3, 32, 32), CLASSES, num_labels=10)
    module.initialise(torch.randint(0, 256, (500, 3, 32, 32), dtype=torch.uint8))
    return TrainedModel(module, config, folder, find_device(device))


def write_images(folder: Path, count: int) -> list[str]:
    """PNG and JPEG files in turn, 40×36 pixels."""
    random = np.random.RandomState(0)
    files = []
    for i in range(count):
        small = Image.fromarray(random.randint(0, 256, (8, 8, 3), dtype=np.uint8))
        files.append(str(folder / f"{i:06}.{('png', 'jpg')[i % 2]}"))
        small.resize((40, 36), Image.Resampling.BICUBIC).save(files[-1])
    return files


def seconds_from_files(model: TrainedModel, files: list[str], out: Path, workers: int) -> float:
    """Of reading, decoding, classifying and writing."""
    begin = time.perf_counter()
    with decoding_processes(workers) as executor, prediction_writer(out, "csv", model.classes) as writer:
        for prediction in predict_files(model, files, executor):
            writer.write(prediction)
    return time.perf_counter() - begin


def seconds_of_network(model: TrainedModel, pixels: torch.Tensor) -> float:
    """Of classifying images in memory, in batches of the same size."""
    begin = time.perf_counter()
    model.logits(pixels)
    return time.perf_counter() - begin


def main() -> None:
    """Print the throughputs, measured in turn, and the median of their ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="*", default=["data=svhn"])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=cpu_count())
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = untrained(folder / "run", arguments.overrides, arguments.device)
        files = write_images(folder, arguments.count)
        begin = time.perf_counter()
        pixels = torch.from_numpy(decode_batch(files, model.form).pixels)
        alone = arguments.count / (time.perf_counter() - begin)
        print(f"torch {torch.__version__}, {model.device}, {cpu_count()} processors, {arguments.workers} that decode")
        print(f"{arguments.count} images, batches of {model.batch_size}, {' '.join(arguments.overrides)}")
        print(f"decoding alone, one process: {alone:.0f} images/s")
        model.logits(pixels[: model.batch_size])
        network, files_too = [], []
        for _ in range(arguments.rounds):
            network.append(arguments.count / seconds_of_network(model, pixels))
            files_too.append(arguments.count / seconds_from_files(model, files, folder / "out.csv", arguments.workers))
            print(f"network {network[-1]:8.1f} images/s   from files {files_too[-1]:8.1f} images/s", flush=True)
        ratios = [ours / theirs for ours, theirs in zip(files_too, network, strict=True)]
        print(
            f"median: network {statistics.median(network):.1f}, from files {statistics.median(files_too):.1f} images/s;"
            f" ratio {statistics.median(ratios):.3f} (least {min(ratios):.3f})"
        )


if __name__ == "__main__":
    main()
