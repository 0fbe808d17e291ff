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


def test_a_class_without_a_test_image_that_others_were_taken_for_has_a_precision() -> None:
    probabilities = torch.tensor([[0.9, 0.1, 0.0], [0.2, 0.1, 0.7]])
    rows = shown(Evaluation(probabilities, torch.tensor([0, 1]), ("cat", "dog", "owl")))
    assert ["owl", "0", "0.0", "–", "–"] in rows
    assert ["dog", "1", "–", "0.0", "0.0"] in rows


def test_of_many_classes_those_with_test_images_come_first() -> None:
    labels = torch.arange(22) + 1  # of class 0 there is none
    probabilities = torch.eye(24)[labels]
    probabilities[0] = torch.eye(24)[2]
    rows = shown(Evaluation(probabilities, labels, tuple(f"k{i}" for i in range(24))))
    listed = [row[0] for row in rows if row and row[0].startswith("k")]
    assert len(listed) == 20 and listed[0] == "k1" and not {"k0", "k23"} & set(listed)
