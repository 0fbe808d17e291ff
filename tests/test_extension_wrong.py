"""Techniques of one's own that return what they should not: the technique is named in one line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.runs import TINY, command

WRONG_TRICKS = """\
from dataclasses import dataclass

import torch

from ssgan.tricks import Trick


@dataclass
class Refusing(Trick):
    weight: float = -1.0

    def __post_init__(self):
        if self.weight < 0:
            raise ValueError("weight must not be negative")

    def generator_penalty(self, step):
        return self.weight * step.fake.features.mean()


class PerImage(Trick):
    def discriminator_penalty(self, step):
        return step.unlabelled.logits.square().mean(1)


class Number(Trick):
    def generator_penalty(self, step):
        return 0.5


class Bare(Trick):
    def discriminator_draws(self, generator, discriminator, shape, rng):
        return torch.rand(shape[0], generator=rng, device=rng.device)


class Scalar(Trick):
    def discriminator_draws(self, generator, discriminator, shape, rng):
        return (torch.rand((), generator=rng, device=rng.device),)


class Few(Trick):
    def generator_draws(self, generator, discriminator, shape, rng):
        return (torch.rand(3, generator=rng, device=rng.device),)
"""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Refusing", "weight must not be negative"),
        ("PerImage", "a tensor without dimensions, not one of shape [10]"),
        ("Number", "a tensor without dimensions, not 0.5"),
        ("Bare", "draws are a tuple of tensors of 10 rows each"),
        ("Scalar", "draws are a tuple of tensors of 10 rows each"),
        ("Few", "draws are a tuple of tensors of 10 rows each"),
    ],
)
def test_what_a_technique_does_wrong_is_said_of_it(
    name: str, said: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wrong_tricks.py").write_text(WRONG_TRICKS)
    (tmp_path / "mine" / "trick").mkdir(parents=True)
    (tmp_path / "mine" / "trick" / "mine.yaml").write_text(f"mine: {{_target_: wrong_tricks.{name}}}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "wrong_tricks", raising=False)
    assert command("--config-dir=mine", *TINY, "trainer.max_iterations=3", "hydra.run.dir=run", "trick=mine") == 2
    line = capfd.readouterr().err
    assert line.startswith("error: trick.mine: ") and line.count("\n") == 1 and said in line, line
