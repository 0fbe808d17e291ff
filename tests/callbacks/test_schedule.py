"""When a callback acts, where a batch may be several iterations."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ssgan.callbacks.schedule import evaluation_follows, is_due


@pytest.mark.parametrize("together", [1, 2, 3, 7])
@pytest.mark.parametrize("every", [1, 2, 3, 5, 14, 100])
def test_it_is_due_after_the_batch_in_which_a_multiple_lies(every: int, together: int) -> None:
    for batch in range(40):
        numbers = range(batch * together + 1, (batch + 1) * together + 1)  # of the iterations in the batch
        trainer = SimpleNamespace(global_step=numbers[-1])
        assert is_due(trainer, list(numbers), every) is any(number % every == 0 for number in numbers)


@pytest.mark.parametrize(("interval", "sizes"), [(3, [5]), (3.0, [2, 0]), (1, [1])])
def test_an_evaluation_follows_each_so_many_batches(interval: float, sizes: list[int]) -> None:
    """Lightning's numbers of batches are those from 0 on."""
    followed = []
    for number in range(9):
        loop = SimpleNamespace(total_batch_idx=number)
        trainer = SimpleNamespace(fit_loop=loop, val_check_interval=interval, num_val_batches=sizes, should_stop=False)
        followed += [number + 1] if evaluation_follows(trainer) else []
    assert followed == [number for number in range(1, 10) if number % interval == 0]
    trainer.num_val_batches = [0, 0]
    assert not evaluation_follows(trainer), "there is nothing to evaluate on"
