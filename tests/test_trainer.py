"""Lightning's trainer: which of its options are the user's to set."""

from __future__ import annotations

import pytest

from tests.runs import refused

pytestmark = pytest.mark.usefixtures("in_tmp_path")


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("+trainer.profiler=simple", "+trainer.lightning.NAME"),
        ("+trainer.lightning.gradient_clip_val=1", "optim.clip_norm"),
        ("+trainer.lightning.max_steps=3", "trainer.max_iterations"),
        ("+trainer.lightning.precision=32", "it is trainer.precision"),
        ("+trainer.lightning.logger=false", "loggers are chosen by logger="),
        ("+trainer.lightning.use_distributed_sampler=true", "it cannot be another than the project's"),
        ("+trainer.lightning.nonsense=3", "nonsense"),
        ("+trainer.lightning.detect_anomaly=abc", "trainer.lightning.detect_anomaly=abc: must be true or false"),
        ("+trainer.lightning.limit_train_batches=5", "trainer.max_iterations"),
        ("+trainer.lightning.overfit_batches=1", "data.num_labels"),
        ("+trainer.lightning.limit_val_batches=1", "that of all images"),
        ("+trainer.lightning.limit_test_batches=0", "that of all images"),
    ],
)
def test_what_lightning_is_told_by_other_options(option: str, said: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert said in refused(capfd, option, "trainer=cpu", "trainer.max_iterations=2")
