"""A generator that draws one image is noticed, once; a healthy one is not."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from ssgan.callbacks.collapse import CollapseWarning, spread
from ssgan.networks.generator import Generator
from tests.fake_data import write_arrays
from tests.runs import TINY, train

WATCHED = (*TINY, "callbacks=collapse", "trainer.log_every=2", "trainer.max_iterations=12")


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "ssgan.callbacks.collapse"]


def test_a_healthy_run_says_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    train(tmp_path, *WATCHED, "trick=none")
    assert warnings(caplog) == []


@pytest.mark.parametrize("members", ["ensemble=null", "ensemble=2"])
@pytest.mark.parametrize("shade", [0.0, 1.0])
def test_a_collapsed_generator_is_one_line_and_the_losses_stay_finite(shade, members, tmp_path, caplog, monkeypatch):
    forward = Generator.forward
    monkeypatch.setattr(Generator, "forward", lambda self, z: forward(self, z) * 0 + shade)
    with caplog.at_level(logging.WARNING):
        train(tmp_path, *WATCHED, members, "trick=none")  # a loss that is not finite would end it
    assert len(warnings(caplog)) == 1
    assert "iteration 4: the generator has collapsed" in warnings(caplog)[0] and "\n" not in warnings(caplog)[0]


@pytest.mark.parametrize("collapsed", [0, 1])
def test_an_ensemble_is_judged_by_its_worst_member(collapsed: int, tmp_path: Path, caplog, monkeypatch):
    generated = CollapseWarning._generated

    def one_of_them(self, module, batch):
        images = [torch.randint_like(each, 256) for each in generated(self, module, batch)]
        images[collapsed] = torch.zeros_like(images[collapsed])
        return images

    monkeypatch.setattr(CollapseWarning, "_generated", one_of_them)
    train(tmp_path, *WATCHED, "ensemble=2", "trick=none")
    assert len(warnings(caplog)) == 1


def test_of_one_image_nothing_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    train(tmp_path, *WATCHED, "data.batch_size=1", "trainer.max_iterations=4")
    assert warnings(caplog) == []


def test_real_images_that_are_all_the_same_are_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    constant = {f"x_{part}": np.full((size, 16, 16, 3), 7, np.uint8) for part, size in (("train", 200), ("test", 100))}
    write_arrays(tmp_path / "constant.npz", **constant)
    train(
        tmp_path, *WATCHED, "data=arrays", f"data.path={tmp_path}/constant.npz", "model=mlp_small", "data.num_labels=20"
    )
    assert [line.partition(": ")[2] for line in warnings(caplog)] == ["the real images of a batch are all the same"]


def test_the_spread_is_that_of_the_pixels_over_the_batch():
    images = torch.zeros(4, 1, 2, 2, dtype=torch.uint8)
    images[:2, 0, 0, 0] = 10  # two of four: a standard deviation of 5 in one of four pixels
    assert spread(images) == 5 / 4
    assert spread(images[:1]) == 0
