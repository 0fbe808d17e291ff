"""Tables of an evaluation on a terminal."""

from __future__ import annotations

import io

import torch
from rich.console import Console

from ssgan.inference.evaluation import Evaluation
from ssgan.inference.evaluation_tables import class_table


def shown(evaluation: Evaluation) -> list[list[str]]:
    console = Console(file=io.StringIO(), width=100)
    console.print(class_table(evaluation))
    return [line.split() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]


def test_a_class_without_a_test_image_has_no_scores() -> None:
    probabilities = torch.tensor([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0], [0.6, 0.4, 0.0]])
    rows = shown(Evaluation(probabilities, torch.tensor([0, 1, 1]), ("cat", "dog", "owl")))
    assert ["cat", "1", "50.0", "100.0", "66.7"] in rows  # predicted twice, once rightly
    assert ["dog", "2", "100.0", "50.0", "66.7"] in rows
    assert ["owl", "0", "–", "–", "–"] in rows
