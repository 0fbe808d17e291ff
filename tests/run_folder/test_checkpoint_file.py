"""A checkpoint gets onto the disk whole, or not at all."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import Callback

from ssgan.errors import ConfigError, SSGANError
from ssgan.run_folder.checkpoint_file import AtomicCheckpointIO
from ssgan.run_folder.status import read_status
from tests.runs import SHORT, assert_equal, command, last_checkpoint, metric_rows, train


def full_after(writes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the disk be full from a checkpoint on: half of it is written, then the system's error comes."""
    calls = iter(range(1, 1000))
    write_bytes = Path.write_bytes

    def write(self: Path, content: bytes) -> int:
        if self.suffix == ".ckpt" and next(calls) > writes:
            write_bytes(self, bytes(content)[: len(content) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write_bytes(self, content)

    monkeypatch.setattr(Path, "write_bytes", write)


def test_a_full_disk_is_one_line_and_spares_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd
):
    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as patch:
        full_after(2, patch)
        assert command(*SHORT, "hydra.run.dir=run") == 1
    line = capfd.readouterr().err
    assert line.startswith("error: ") and line.count("\n") == 1
    assert "last.ckpt could not be written (No space left on device)" in line and "ckpt_path=last" in line
    assert last_checkpoint(tmp_path / "run")["global_step"] == 4
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["last.ckpt"], "half a file is left"
    status = read_status(tmp_path / "run")
    assert status is not None and status.state == "failed" and "No space left" in str(status.error)
    assert command(*SHORT, "hydra.run.dir=run", "ckpt_path=last") == 0
    assert command(*SHORT, "hydra.run.dir=whole") == 0
    assert_equal(last_checkpoint(tmp_path / "run")["state_dict"], last_checkpoint(tmp_path / "whole")["state_dict"])
    assert metric_rows(tmp_path / "run") == metric_rows(tmp_path / "whole")


def test_what_is_saved_is_read_and_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "new" / "last.ckpt"
    path.parent.mkdir()
    for step in (1, 2):
        saved = {"global_step": step, "state_dict": {"w": torch.arange(5) * step}, "none": None}
        AtomicCheckpointIO().save_checkpoint(saved, path)
        assert_equal(torch.load(path, weights_only=True), saved)
    assert list(path.parent.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_one_line_and_the_one_before_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"step": 1}, path)
    full_after(0, monkeypatch)
    with pytest.raises(SSGANError, match=r"last\.ckpt could not be written \(No space left on device\)") as error:
        AtomicCheckpointIO().save_checkpoint({"step": 2}, str(path))
    assert "\n" not in str(error.value)
    assert torch.load(path) == {"step": 1} and list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_saved_is_named_and_keeps_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"step": 1}, path)
    with pytest.raises(ConfigError, match=r"^the checkpoint's step holds "):
        AtomicCheckpointIO().save_checkpoint({"step": lambda: 2}, path)
    assert torch.load(path) == {"step": 1} and list(tmp_path.iterdir()) == [path]


class Keeps(Callback):
    def __init__(self, value: Any) -> None:
        self.value = value

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.value}


@pytest.mark.parametrize(
    ("value", "what"),
    [(np.mean([1.0]), "numpy._core.multiarray.scalar"), (Path("x"), "pathlib.PosixPath"), (lambda: 1, "Can't pickle")],
)
def test_what_could_not_be_read_again_is_refused_at_the_first_save(value: Any, what: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"callbacks: the state of Keeps holds .*{re.escape(what)}") as error:
        train(tmp_path, *SHORT, callbacks=[Keeps(value)])
    assert "\n" not in str(error.value)


def test_plain_values_and_tensors_of_a_callback_are_kept(tmp_path: Path) -> None:
    value = {"best": torch.ones(2), "names": ["a"], "seen": {1, 2}, "none": None}
    train(tmp_path, *SHORT, callbacks=[Keeps(value)])
    assert_equal(last_checkpoint(tmp_path)["callbacks"]["Keeps"]["best"]["best"], value["best"])


def test_what_a_network_keeps_besides_tensors_is_looked_at_too(tmp_path: Path) -> None:
    kept = {"state_dict": {"body._extra_state": np.float64(1)}}
    with pytest.raises(ConfigError, match=r"^the state body\._extra_state holds numpy"):
        AtomicCheckpointIO().save_checkpoint(kept, tmp_path / "last.ckpt")
    AtomicCheckpointIO().save_checkpoint({"state_dict": {"body._extra_state": {"seen": 3}}}, tmp_path / "last.ckpt")


def test_an_error_without_words_is_named(tmp_path: Path) -> None:
    class Mute:
        def __reduce__(self) -> Any:
            raise NotImplementedError

    with pytest.raises(ConfigError, match="holds something of which Python says: NotImplementedError"):
        AtomicCheckpointIO().save_checkpoint({"callbacks": {"mine": Mute()}}, tmp_path / "last.ckpt")
