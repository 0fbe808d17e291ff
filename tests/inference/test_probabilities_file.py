"""A model's probabilities in a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ssgan.errors import ConfigError
from ssgan.inference.evaluation import Evaluation
from ssgan.inference.probabilities_file import MeasuredModel, read_probabilities, write_probabilities

PROBABILITIES = torch.tensor([[0.9, 0.1], [0.25, 0.75], [0.5, 0.5]])
LABELS = torch.tensor([0, 1, 1])


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "probabilities.npz"
    facts = {"seed": 3, "data_seed": 4, "device": "cpu"}
    write_probabilities(MeasuredModel(Evaluation(PROBABILITIES, LABELS, ("a", "ß")), facts, "abc"), path)
    evaluation, read, test_set = read_probabilities(path)
    assert torch.equal(evaluation.probabilities, PROBABILITIES)
    assert torch.equal(evaluation.labels, LABELS)
    assert (tuple(evaluation.classes), read, test_set) == (("a", "ß"), facts, "abc")


def test_any_damaged_byte_is_told_or_makes_no_difference(tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    write_probabilities(MeasuredModel(Evaluation(PROBABILITIES, LABELS, ("a", "b")), {}, ""), path)
    whole, told = path.read_bytes(), 0
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        try:
            assert torch.equal(read_probabilities(path).evaluation.probabilities, PROBABILITIES)
        except ConfigError as error:
            told += "p.npz" in str(error) and "\n" not in str(error)
    assert told > len(whole) / 4


def test_rounded_probabilities_are_read_as_float32(tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    half, labels = PROBABILITIES.half().numpy(), LABELS.numpy()
    np.savez(path, probabilities=half, labels=labels, classes=["a", "b"], facts="{}", test_set="")
    evaluation = read_probabilities(path).evaluation
    assert evaluation.probabilities.dtype == torch.float32
    torch.testing.assert_close(evaluation.probabilities, PROBABILITIES, atol=5e-4, rtol=0)


def test_a_file_that_is_not_whole_is_one_line(tmp_path: Path) -> None:
    path, parts = tmp_path / "p.npz", {"classes": ["a", "b"], "facts": "{}", "test_set": ""}
    np.savez(path, probabilities=PROBABILITIES[:2].numpy(), labels=LABELS.numpy(), **parts)
    with pytest.raises(ConfigError, match=r"p\.npz: probabilities \(2, 2\) of 3 labels is not whole"):
        read_probabilities(path)
    path.write_bytes(b"")
    with pytest.raises(ConfigError, match=r"p\.npz: not a file of probabilities"):
        read_probabilities(path)
    np.savez(path, probabilities=PROBABILITIES.numpy(), labels=np.array([0, 1, None]), **parts)  # would be a pickle
    with pytest.raises(ConfigError, match=r"p\.npz: not a file of probabilities"):
        read_probabilities(path)
