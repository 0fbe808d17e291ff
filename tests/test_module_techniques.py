"""What training hands to techniques over several iterations: past parameters, averaged weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from lightning.pytorch import Callback

from ssgan.tricks import Consistency
from tests.runs import TINY, metric_rows, train


class Parameters(Callback):
    """Both players' parameters at the start and after each iteration."""

    def __init__(self):
        self.path: dict[str, list[list[torch.Tensor]]] = {"d": [], "g": []}

    def on_train_start(self, trainer, pl_module):
        for name, network in (("d", pl_module.discriminator), ("g", pl_module.generator)):
            self.path[name].append([p.detach().double() for p in network.parameters()])

    def on_train_batch_end(self, trainer, pl_module, *_):
        self.on_train_start(trainer, pl_module)


def test_historical_averaging_pulls_to_the_mean_of_the_parameters_that_training_passed_through(tmp_path: Path):
    seen = Parameters()
    short = (*TINY, "logger=csv", "trainer.log_every=1", "trainer.max_iterations=5")
    train(tmp_path, *short, "trick=historical_averaging", "trick.historical_averaging.weight=0.3", callbacks=[seen])
    rows = [row for row in metric_rows(tmp_path) if "train/d_loss" in row]
    for player, path in seen.path.items():
        logged = [row[f"train/{player}_historical_averaging"] for row in rows]
        assert len(logged) == 5 and len(path) == 6
        for t, value in enumerate(logged):
            means = [sum(values) / (t + 1) for values in zip(*path[: t + 1], strict=True)]
            expected = sum(((now - mean) ** 2).sum().item() for now, mean in zip(path[t], means, strict=True))
            assert value == pytest.approx(0.3 * expected, rel=1e-3, abs=1e-7)
        assert logged[0] == 0 and logged[4] > logged[1] > 0


def test_the_mean_teacher_is_the_average_of_ds_weights_before_the_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    seen, teachers = Parameters(), []
    penalty = Consistency.discriminator_penalty

    def watched(self, step):
        teachers.append([p.detach().double() for p in step.average.parameters()])
        assert not any(p.requires_grad for p in step.average.parameters())
        return penalty(self, step)

    monkeypatch.setattr(Consistency, "discriminator_penalty", watched)
    average = ("optim.average.rate=0.3", "optim.average.warmup=false")
    train(tmp_path, *TINY, "trick=consistency", *average, "trainer.max_iterations=4", callbacks=[seen])
    expected = seen.path["d"][0]
    assert len(teachers) == 4
    for teacher, weights in zip(teachers, seen.path["d"][1:], strict=True):
        for p, value in zip(teacher, expected, strict=True):
            torch.testing.assert_close(p, value, rtol=1e-4, atol=1e-6)
        expected = [0.7 * value + 0.3 * now for value, now in zip(expected, weights, strict=True)]
    assert any(not torch.allclose(p, now) for p, now in zip(teachers[-1], seen.path["d"][3], strict=True))
