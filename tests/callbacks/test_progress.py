"""The progress bar shows losses and errors by short names, and can be left out."""

from __future__ import annotations

from pathlib import Path

from lightning.pytorch import Callback

from ssgan.callbacks import Progress
from tests.runs import TINY, train


class Shown(Callback):
    """Keeps what the bar would show at the end of training."""

    def on_train_end(self, trainer, pl_module):
        bar = trainer.progress_bar_callback
        self.bar = bar
        self.metrics = bar.get_metrics(trainer, pl_module) if bar is not None else None


def test_losses_and_errors_are_shown_by_short_names(tmp_path: Path, capfd):
    shown = Shown()
    often = ("trainer.log_every=1", "trainer.eval_every=1", "data.num_val=10", "logger=csv", "callbacks=progress")
    train(tmp_path, *TINY, *often, "trainer.max_iterations=2", callbacks=[shown])
    assert isinstance(shown.bar, Progress)
    assert set(shown.metrics) == {"d_loss", "g_loss", "val/error", "test/error"}
    assert all(isinstance(float(value), float) for value in shown.metrics.values())


def test_the_bar_counts_iterations_however_many_a_batch_has(tmp_path: Path, capfd):
    class Bar(Callback):
        def on_train_epoch_end(self, trainer, pl_module):
            bar = trainer.progress_bar_callback
            (task,) = [task for task in bar.progress.tasks if task.id == bar.train_progress_bar_id]
            self.counts = task.completed, task.total

    options = ("data.batch_size=100", "trainer.eval_every=12", "callbacks=progress", "trainer.max_epochs=1")
    for together in (1, 4):
        bar = Bar()
        train(tmp_path / str(together), *TINY, *options, f"trainer.iterations_per_batch={together}", callbacks=[bar])
        assert bar.counts == (12, 12)


def test_the_bar_is_brought_up_to_date_every_so_many_iterations_and_at_the_end(tmp_path: Path, capfd):
    class Bar(Callback):
        def on_train_batch_end(self, trainer, *_):
            bar = trainer.progress_bar_callback
            (task,) = [task for task in bar.progress.tasks if task.id == bar.train_progress_bar_id]
            counts.append(int(task.completed))

    often = ("callbacks=progress", "callbacks.progress.refresh_rate=5", "data.batch_size=100", "trainer.max_epochs=1")
    counts: list[int] = []
    train(tmp_path / "one", *TINY, "trainer.eval_every=12", *often, callbacks=[Bar()])
    assert counts == [0, 0, 0, 0, 5, 5, 5, 5, 5, 10, 10, 12]  # our callback comes after the bar
    counts.clear()
    train(
        tmp_path / "four", *TINY, "trainer.eval_every=12", *often, "trainer.iterations_per_batch=4", callbacks=[Bar()]
    )
    assert counts == [0, 8, 12]


def test_a_refresh_rate_of_zero_shows_no_bar(tmp_path: Path, capfd):
    train(tmp_path, *TINY, "callbacks=progress", "callbacks.progress.refresh_rate=0", "trainer.max_iterations=2")
    assert "Epoch" not in capfd.readouterr().out


def test_without_the_callback_there_is_no_bar(tmp_path: Path, capfd):
    shown = Shown()
    train(tmp_path, *TINY, "callbacks=none", "trainer.max_iterations=1", callbacks=[shown])
    assert shown.bar is None and "Epoch" not in capfd.readouterr().out
