"""Pictures of generated images: their size, when they are drawn, and that they do not touch the run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from lightning.pytorch import Callback
from PIL import Image

from tests.fake_data import write_arrays
from tests.runs import QUIET, TINY, TINY_CONV, assert_equal, last_checkpoint, train

DRAW = (*TINY, "callbacks=[checkpoints,samples]")


def pictures(run_dir: Path) -> list[str]:
    return sorted(path.name for path in (run_dir / "samples").glob("*"))


@pytest.mark.parametrize(
    ("every", "iterations", "names"),
    [
        (2, 5, ["0000002.png", "0000004.png", "0000005.png"]),
        (2, 4, ["0000002.png", "0000004.png"]),
        (9, 3, ["0000003.png"]),
    ],
)
def test_pictures_are_drawn_every_so_often_and_at_the_end(every: int, iterations: int, names: list, tmp_path: Path):
    train(tmp_path, *DRAW, f"trainer.eval_every={every}", f"trainer.max_iterations={iterations}")
    assert pictures(tmp_path) == names


@pytest.mark.parametrize(("rows", "columns"), [(10, 10), (2, 5), (1, 1)])
def test_small_images_are_enlarged_by_a_whole_factor(rows: int, columns: int, tmp_path: Path):
    """8x8 digits become 64x64; a border of 2 separates them."""
    grid = (f"callbacks.samples.rows={rows}", f"callbacks.samples.columns={columns}")
    train(tmp_path, *DRAW, *grid, "trainer.max_iterations=1")
    with Image.open(tmp_path / "samples" / "0000001.png") as picture:
        if (rows, columns) != (1, 1):
            assert picture.size == (columns * 66 + 2, rows * 66 + 2)
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    first = pixels[2:66, 2:66]
    blocks = first.reshape(8, 8, 8, 8, 3)
    assert (blocks == blocks[:, :1, :, :1]).all(), "an enlarged pixel is a square of one colour"
    assert blocks.std() > 0


def test_colour_images_are_drawn_in_colour(tmp_path: Path):
    write_arrays(tmp_path / "set.npz")
    data = ("data=arrays", f"data.path={tmp_path / 'set.npz'}", "data.num_labels=10")
    options = (*QUIET, *TINY_CONV, "callbacks=samples")
    grid = ("callbacks.samples.rows=3", "callbacks.samples.columns=4")
    train(tmp_path / "run", *options, *data, *grid, "trainer.max_iterations=1")
    with Image.open(tmp_path / "run" / "samples" / "0000001.png") as picture:
        assert picture.size == (4 * 66 + 2, 3 * 66 + 2) and picture.mode == "RGB"
        pixels = np.asarray(picture)
    assert (pixels[:2] == 255).all() and (pixels[2:66, 2:66].std(axis=2) > 0).any(), "a white border; colours inside"


def test_drawing_does_not_change_the_run(tmp_path: Path):
    short = ("trainer.max_iterations=4", "data.augment.shift=1")
    train(tmp_path / "with", *DRAW, *short, "trainer.eval_every=1")
    train(tmp_path / "without", *TINY, *short)
    with_state, without_state = (last_checkpoint(tmp_path / name) for name in ("with", "without"))
    for part in ("state_dict", "optimizer_states"):
        assert_equal(with_state[part], without_state[part])
    assert_equal(with_state["ssgan"]["rng_state"], without_state["ssgan"]["rng_state"])


def test_the_noise_is_the_same_each_time(tmp_path: Path):
    """With G at rest, two pictures are equal; another seed of the callback gives another one."""

    class Rest(Callback):
        def on_train_start(self, trainer, pl_module):
            start = {key: value.clone() for key, value in pl_module.generator.state_dict().items()}
            sample = pl_module.sample
            pl_module.sample = lambda z: (pl_module.generator.load_state_dict(start), sample(z))[1]

    short = ("trainer.eval_every=1", "trainer.max_iterations=2", "trick=none")
    train(tmp_path / "0", *DRAW, *short, callbacks=[Rest()])
    train(tmp_path / "1", *DRAW, *short, "+callbacks.samples.seed=1", callbacks=[Rest()])
    first, second = ((tmp_path / "0" / "samples" / f"000000{i}.png").read_bytes() for i in (1, 2))
    assert first == second
    assert (tmp_path / "1" / "samples" / "0000001.png").read_bytes() != first


def test_a_supervised_run_has_no_pictures(tmp_path: Path):
    train(tmp_path, *DRAW, "objective=supervised", "trainer.max_iterations=1")
    assert not (tmp_path / "samples").exists()
