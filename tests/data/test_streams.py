"""The order of the images: a function of the seed and the iteration, complete, independent, and shared by processes."""

from __future__ import annotations

import itertools

import pytest
import torch

from ssgan.data.streams import EvalStream, IterationBatch, SemiSupervisedStream, epoch_rng, shuffled_passes
from ssgan.errors import ConfigError

LABELLED, UNLABELLED = 10, 120


def stream(batch_size: int = 10, d_steps: int = 1, g_steps: int = 1, seed: int = 1, **options) -> SemiSupervisedStream:
    """Images that are their own index: labelled ones from 200 on."""
    return SemiSupervisedStream(
        torch.arange(200, 200 + LABELLED, dtype=torch.uint8).view(-1, 1, 1, 1),
        torch.arange(LABELLED),
        torch.arange(UNLABELLED, dtype=torch.uint8).view(-1, 1, 1, 1),
        batch_size,
        d_steps,
        g_steps,
        seed,
        **options,
    )


def epoch(given: SemiSupervisedStream, number: int) -> list[tuple]:
    """The indices that each iteration of an epoch takes."""
    given.iteration = lambda: number * given.iterations
    return [indices(images) for batch in given for images in batch]


def indices(images: IterationBatch) -> tuple[list[int], ...]:
    return tuple(part.flatten().tolist() for part in images)


def column(batches: list[tuple], part: int) -> list[int]:
    return list(itertools.chain.from_iterable(batch[part] for batch in batches))


@pytest.mark.parametrize(
    ("batch_size", "d_steps", "length"), [(10, 1, 12), (10, 3, 4), (7, 1, 17), (7, 2, 8), (200, 1, 1)]
)
def test_an_epoch_is_a_pass_of_d_over_the_unlabelled_images(batch_size: int, d_steps: int, length: int):
    given = stream(batch_size, d_steps)
    assert len(given) == length
    seen = column(epoch(given, 0), 2)
    assert len(epoch(given, 0)) == length and len(seen) == length * d_steps * batch_size
    if len(seen) == UNLABELLED:
        assert sorted(seen) == list(range(UNLABELLED)), "each exactly once"
    elif len(seen) < UNLABELLED:
        assert len(set(seen)) == len(seen), "none twice"


def test_batches_have_the_shapes_that_the_steps_take():
    (batch,) = next(iter(stream(batch_size=6, d_steps=2, g_steps=3)))
    assert batch.labelled.shape == batch.unlabelled.shape == (2, 6, 1, 1, 1)
    assert batch.labels.shape == (2, 6) and batch.real.shape == (3, 6, 1, 1, 1)
    assert next(iter(stream(batch_size=6, g_steps=0)))[0].real.shape[:2] == (0, 6)


def test_the_label_belongs_to_the_image():
    for (batch,) in stream(d_steps=2):
        assert torch.equal(batch.labelled.flatten().long() - 200, batch.labels.flatten())


def test_the_second_stream_is_a_pass_in_an_order_of_its_own():
    batches = epoch(stream(), 0)
    unlabelled, real = column(batches, 2), column(batches, 3)
    assert sorted(real) == list(range(UNLABELLED))
    agreeing = sum(a == b for a, b in zip(unlabelled, real, strict=True))
    assert agreeing < 10, "two independent orders agree in one place on average"


def test_more_g_steps_repeat_the_second_stream():
    real = column(epoch(stream(g_steps=3), 0), 3)
    passes = [real[i : i + UNLABELLED] for i in range(0, len(real), UNLABELLED)]
    assert len(passes) == 3 and all(sorted(p) == list(range(UNLABELLED)) for p in passes)
    assert passes[0] != passes[1] != passes[2]


def test_the_labelled_images_are_permuted_anew_each_time_they_are_repeated():
    labelled = column(epoch(stream(), 0), 1)
    passes = [tuple(labelled[i : i + LABELLED]) for i in range(0, len(labelled), LABELLED)]
    assert len(passes) == 12 and all(sorted(p) == list(range(LABELLED)) for p in passes)
    assert len(set(passes)) == 12


def test_every_epoch_has_an_order_of_its_own_and_a_seed_repeats_it():
    epochs = [epoch(stream(), i) for i in range(3)]
    for part in (1, 2, 3):
        orders = {tuple(column(batches, part)) for batches in epochs}
        assert len(orders) == 3
    assert [epoch(stream(), i) for i in range(3)] == epochs
    for part in (1, 2, 3):
        assert column(epoch(stream(seed=2), 0), part) != column(epochs[0], part)


def test_reading_one_stream_does_not_touch_another_or_the_global_random_state():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    one, two = stream(), stream()
    iterator = iter(one)
    next(iterator)
    list(two)
    assert [indices(images) for (images,) in iterator] == epoch(stream(), 0)[1:]
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("start", [0, 1, 5, 11, 12, 17, 24])
def test_from_any_iteration_on_the_images_are_those_of_an_uninterrupted_run(start: int):
    whole = [batch for number in range(3) for batch in epoch(stream(), number)]
    resumed = stream(iteration=lambda: start)
    rest = [indices(images) for (images,) in resumed]
    assert rest == whole[start : (start // 12 + 1) * 12]


@pytest.mark.parametrize("world_size", [2, 5])
@pytest.mark.parametrize(("d_steps", "g_steps"), [(1, 1), (2, 3)])
def test_the_shares_of_the_processes_are_the_whole_batch(world_size: int, d_steps: int, g_steps: int):
    whole = list(stream(10, d_steps, g_steps))
    shares = [list(stream(10, d_steps, g_steps, rank=rank, world_size=world_size)) for rank in range(world_size)]
    assert {len(share) for share in shares} == {len(whole)}
    for i, (images,) in enumerate(whole):
        for part, expected in enumerate(images):
            together = torch.cat([share[i][0][part] for share in shares], dim=1)
            assert torch.equal(together, expected)
            assert {share[i][0][part].shape[1] for share in shares} == {10 // world_size}


@pytest.mark.parametrize("together", [2, 3, 12])
def test_a_batch_of_several_iterations_holds_them_in_order(together: int):
    given = stream(iterations_per_batch=together)
    assert len(given) == 12 // together and given.iterations == 12
    assert {len(batch) for batch in given} == {together}
    assert [epoch(given, number) for number in range(2)] == [epoch(stream(), number) for number in range(2)]
    given.iteration = lambda: 12 - together
    assert [indices(images) for batch in given for images in batch] == epoch(stream(), 0)[-together:]


def test_iterations_that_do_not_fill_batches_are_refused():
    with pytest.raises(
        ConfigError, match=r"iterations_per_batch=5: .* 12 iterations of an epoch; 1, 2, 3, 4, 6, 12 would"
    ):
        stream(iterations_per_batch=5)


def test_passes_are_whole_permutations_and_the_last_is_cut():
    order = shuffled_passes(5, 13, epoch_rng(1, 0)).tolist()
    assert len(order) == 13
    assert sorted(order[:5]) == sorted(order[5:10]) == list(range(5)) and len(set(order[10:])) == 3


def test_seeds_and_epochs_do_not_collide():
    draws = {
        tuple(torch.randint(2**40, (2,), generator=epoch_rng(seed, number)).tolist())
        for seed in range(20)
        for number in range(20)
    }
    assert len(draws) == 400


@pytest.mark.parametrize(
    ("size", "batch_size", "lengths"), [(10, 4, [4, 4, 2]), (10, 10, [10]), (10, 100, [10]), (3, 1, [1] * 3)]
)
def test_an_evaluation_takes_every_image_once_in_order(size: int, batch_size: int, lengths: list[int]):
    given = EvalStream("val", torch.arange(size).view(-1, 1), torch.arange(size) * 2, batch_size)
    batches = list(given)
    assert len(given) == len(batches) and [len(batch.labels) for batch in batches] == lengths
    assert torch.cat([batch.images for batch in batches]).flatten().tolist() == list(range(size))
    assert torch.cat([batch.labels for batch in batches]).tolist() == [2 * i for i in range(size)]
    assert {batch.split for batch in batches} == {"val"}
    assert [len(batch.labels) for batch in given] == lengths, "a second pass gives the same"


@pytest.mark.parametrize(("size", "world_size"), [(10, 2), (11, 2), (11, 3), (2, 3)])
def test_the_processes_share_an_evaluation_without_overlap(size: int, world_size: int):
    seen = []
    for rank in range(world_size):
        share = EvalStream("test", torch.arange(size), torch.arange(size), 3, rank, world_size)
        batches = list(share)
        assert len(share) == len(batches) or size < world_size
        seen += [label for batch in batches for label in batch.labels.tolist()]
    assert sorted(seen) == list(range(size))
