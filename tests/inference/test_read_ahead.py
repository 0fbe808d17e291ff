"""Files decoded ahead: in order, in batches, without those that cannot be read, and not too far ahead."""

from __future__ import annotations

import multiprocessing
import os
import time
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ssgan.data.decode import decode
from ssgan.errors import SSGANError
from ssgan.inference import read_ahead as module
from ssgan.inference.read_ahead import ImageForm, decoding_processes, read_ahead

FORM = ImageForm(3, 4, 6)


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """23 images of one colour each, two of them unreadable."""
    found = [str(tmp_path / f"{i}.png") for i in range(23)]
    for i, file in enumerate(found):
        Image.new("RGB", (5 + i, 9), (10 * i, i, 0)).save(file)
    Path(found[4]).write_text("text")
    os.unlink(found[20])
    return found


@pytest.mark.parametrize("batch_size", [1, 4, 7, 23, 100])
@pytest.mark.parametrize("piece", [1, 3, 50])
def test_all_files_in_order(files: list[str], batch_size: int, piece: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_PIECE", piece)
    with ThreadPoolExecutor(2) as threads:
        batches = list(read_ahead(files, FORM, batch_size, threads))
    dealt_with = [len(batch.files) + len(batch.unreadable) for batch in batches]
    assert dealt_with == [min(batch_size, 23 - i) for i in range(0, 23, batch_size)]
    assert [file for batch in batches for file in batch.files] == [f for i, f in enumerate(files) if i not in (4, 20)]
    for batch in batches:
        assert batch.pixels.shape == (len(batch.files), 3, 4, 6) and batch.pixels.dtype == np.uint8
        for file, pixels in zip(batch.files, batch.pixels, strict=True):
            assert np.array_equal(pixels, decode(file, (4, 6), 3, "crop"))
    unreadable = {file: reason for batch in batches for file, reason in batch.unreadable.items()}
    assert unreadable == {files[4]: "not an image", files[20]: "No such file or directory"}


def test_no_more_than_a_few_batches_are_held(files: list[str]):
    class Counting(Executor):
        submitted = 0

        def submit(self, function, /, *args):  # type: ignore[no-untyped-def, override]
            self.submitted += len(args[0])
            future: Future = Future()
            future.set_result(function(*args))
            return future

    executor = Counting()
    taken = 0
    for batch in read_ahead(files, FORM, 2, executor):
        taken += len(batch.files) + len(batch.unreadable)
        assert executor.submitted <= taken + module._AHEAD * 2
    assert taken == executor.submitted == 23


def test_processes(files: list[str]):
    with decoding_processes(2) as processes:
        pids = {processes.submit(os.getpid).result() for _ in range(10)}
        batches = list(read_ahead(files, FORM, 10, processes))
    assert os.getpid() not in pids and [len(batch.files) for batch in batches] == [9, 10, 2]


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_process_that_dies_is_one_line(when: str, files: list[str]):
    with decoding_processes(1) as processes, pytest.raises(SSGANError, match="died") as error:
        if when == "before":
            with pytest.raises(BrokenExecutor):
                processes.submit(os._exit, 1).result()
        for i, _ in enumerate(read_ahead(files, FORM, 1, processes)):
            if i == 0:
                processes.submit(os._exit, 1)
    assert "\n" not in str(error.value)


def test_an_interruption_does_not_wait_for_what_is_being_decoded():
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt), decoding_processes(1) as processes:
        processes.submit(time.sleep, 60)
        processes.submit(os.getpid)
        raise KeyboardInterrupt
    assert time.monotonic() - begin < 30


def test_an_interruption_leaves_other_processes_of_the_program_alone():
    another = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,))
    another.start()
    try:
        with pytest.raises(KeyboardInterrupt), decoding_processes(1):
            raise KeyboardInterrupt
        another.join(1)
        assert another.is_alive()
    finally:
        another.kill()
        another.join()
