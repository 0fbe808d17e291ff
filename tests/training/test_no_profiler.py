"""Parts of an iteration that nobody measures, unless a profiler is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from lightning.pytorch import Callback
from lightning.pytorch.profilers import PassThroughProfiler, Profiler, SimpleProfiler

from ssgan.training.no_profiler import NoProfiler
from tests.runs import TINY, train


class Asked(Callback):
    """Keeps the trainer's profiler."""

    profiler: Profiler

    def on_train_start(self, trainer, pl_module):
        self.profiler = trainer.profiler


def test_parts_lie_within_each_other_and_let_errors_through():
    profiler = NoProfiler()
    with profiler.profile("outer"), profiler.profile("inner"):
        pass
    with pytest.raises(KeyError), profiler.profile("outer"), profiler.profile("inner"):
        raise KeyError
    assert profiler.summary() == ""


@pytest.mark.parametrize(
    ("option", "kind"),
    [((), NoProfiler), (("simple",), SimpleProfiler), (("null",), PassThroughProfiler)],
)
def test_a_profiler_that_is_asked_for_takes_its_place(option: tuple[str, ...], kind: type[Profiler], tmp_path: Path):
    asked = Asked()
    train(tmp_path, *TINY, "trainer.max_iterations=1", *(f"+trainer.lightning.profiler={it}" for it in option),
          callbacks=[asked])  # fmt: skip
    assert type(asked.profiler) is kind
    if kind is SimpleProfiler:
        assert "optimizer_step" in asked.profiler.summary()
