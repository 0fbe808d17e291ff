"""Threads of a run, and of one of several at once."""

from __future__ import annotations

import resource
import sys

import pytest
import torch

from ssgan import processor
from tests.runs import TINY, compose_run


@pytest.fixture(autouse=True)
def _as_before(monkeypatch):
    threads = torch.get_num_threads()
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(processor, "cpu_count", lambda: 8)
    monkeypatch.setattr(processor, "keep_freed_memory", lambda: None)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize(("jobs", "threads"), [(2, 4), (3, 2), (8, 1), (20, 1)])
def test_jobs_at_once_share_the_cores(jobs, threads):
    processor.prepare_processor(None, jobs)
    assert torch.get_num_threads() == threads


def test_one_job_and_one_whose_launcher_has_shared_the_cores_keep_their_threads(monkeypatch):
    torch.set_num_threads(3)
    processor.prepare_processor(None, 1)
    assert torch.get_num_threads() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    processor.prepare_processor(None, 2)
    assert torch.get_num_threads() == 3


def test_a_given_number_is_what_is_used(tmp_path):
    config = compose_run(tmp_path, *TINY, "trainer.threads=2")
    processor.prepare_processor(config.trainer.threads, 8)
    assert torch.get_num_threads() == 2


@pytest.mark.skipif(sys.platform != "linux", reason="counts the page faults of glibc's allocator")
def test_freed_memory_is_used_again(monkeypatch):
    monkeypatch.undo()
    processor.keep_freed_memory()
    sizes = [2**22, 2**21, 2**20, 2**22]  # 45 MB, 11 thousand pages
    for _ in range(20):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        tensors = [torch.ones(size) for size in sizes]
        del tensors
    assert resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before < 1000
