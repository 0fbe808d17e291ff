"""Threads of a run, and the memory it has freed."""

from __future__ import annotations

import os
import resource
import sys

import pytest
import torch

from ssgan.machine.processor import keep_freed_memory, prepared_processor
from tests.runs import TINY, compose_run


def test_a_given_number_of_threads_is_that_of_its_run_alone(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = torch.get_num_threads()
    with prepared_processor(compose_run(tmp_path, *TINY, "trainer.threads=3").trainer.threads):
        assert torch.get_num_threads() == 3 and os.environ["OMP_NUM_THREADS"] == "3"
    assert torch.get_num_threads() == before and os.environ["OMP_NUM_THREADS"] == "1"
    with prepared_processor(compose_run(tmp_path, *TINY).trainer.threads):
        assert torch.get_num_threads() == before and os.environ["OMP_NUM_THREADS"] == "1"


@pytest.mark.parametrize(("before", "after"), [(None, ":4096:8"), (":16:8", ":16:8")])
def test_a_later_run_of_the_process_may_ask_for_determinism(before, after, monkeypatch: pytest.MonkeyPatch):
    """cuBLAS reads its workspace's size once; a user's own choice stays."""
    if before is None:
        monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    else:
        monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", before)
    with prepared_processor(None):
        pass
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == after


@pytest.mark.skipif(sys.platform != "linux", reason="counts the page faults of glibc's allocator")
def test_freed_memory_is_used_again():
    keep_freed_memory()
    sizes = [2**22, 2**21, 2**20, 2**22]  # 45 MB, 11 thousand pages
    for _ in range(20):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        tensors = [torch.ones(size) for size in sizes]
        del tensors
    assert resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before < 1000
