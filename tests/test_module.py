"""Training itself: it learns, it repeats, the rate falls as said, gradients are clipped, the average is an average."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from lightning.pytorch import Callback

from ssgan.data.module import SemiSupervisedData
from ssgan.tricks import Consistency
from tests.runs import TINY, TRICKS, assert_equal, chosen, compose_run, last_checkpoint, metric_rows, train


class Recorder(Callback):
    """Keeps what a test wants to know of the run."""

    def __init__(self):
        self.weights: list[dict[str, torch.Tensor]] = []  # D's parameters at the start and after each iteration
        self.generator: dict[str, torch.Tensor] = {}
        self.norms: dict[str, list[float]] = {"discriminator": [], "generator": []}  # of the gradients that steps used
        self.rates: list[tuple[float, float]] = []  # of both players, in each iteration

    def on_train_start(self, trainer, pl_module):
        self._keep(pl_module)
        for (name, network), optimizer in zip(pl_module.players.items(), trainer.optimizers, strict=True):

            def note(optimizer, args, kwargs, name=name, network=network):
                gradients = [p.grad for p in network.parameters() if p.grad is not None]
                self.norms[name].append(torch.linalg.vector_norm(torch.cat([g.flatten() for g in gradients])).item())

            optimizer.register_step_post_hook(note)

    def on_train_batch_end(self, trainer, pl_module, *_):
        self._keep(pl_module)
        self.rates.append(tuple(optimizer.param_groups[0]["lr"] for optimizer in trainer.optimizers))

    def on_train_end(self, trainer, pl_module):
        self.module = pl_module
        self.generator = {k: v.clone() for k, v in pl_module.generator.state_dict().items()}

    def _keep(self, module):
        self.weights.append({name: p.detach().clone() for name, p in module.discriminator.named_parameters()})


# --- learning --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tricks", [(), ("feature_matching",), TRICKS], ids=["none", "feature_matching", "all"])
def test_ds_loss_falls(tricks: tuple[str, ...], tmp_path: Path):
    short = ("trainer=cpu", "callbacks=none", "logger=csv", "data.batch_size=50", "model.discriminator_hidden=[64,32]")
    train(tmp_path, *short, *chosen(*tricks), "trainer.max_iterations=40", "trainer.log_every=1")
    losses = [row["train/d_labelled"] + row["train/d_unlabelled"] for row in metric_rows(tmp_path) if len(row) > 2]
    assert len(losses) == 40
    assert sum(losses[-5:]) / 5 < 0.8 * sum(losses[:5]) / 5


def test_the_supervised_loss_falls_far(tmp_path: Path):
    short = ("trainer=cpu", "callbacks=none", "logger=csv", "data.batch_size=50", "objective=supervised")
    train(tmp_path, *short, "trainer.max_iterations=60", "trainer.log_every=1")
    losses = [row["train/d_labelled"] for row in metric_rows(tmp_path) if len(row) > 2]
    assert sum(losses[-5:]) < 0.25 * sum(losses[:5])


# --- repeating -------------------------------------------------------------------------------------------------------

SHORT = (*TINY, "trainer.max_iterations=4", "trainer.log_every=1", "logger=csv")


def ended(run_dir: Path, *overrides: str) -> tuple[dict, list, int]:
    """State, metrics and errors of a short run."""
    result = train(run_dir, *SHORT, *overrides)
    return last_checkpoint(run_dir)["state_dict"], metric_rows(run_dir), result["test_errors"]


@pytest.mark.parametrize("tricks", [(), TRICKS], ids=["none", "all"])
def test_a_seed_repeats_a_run_bit_for_bit(tricks: tuple[str, ...], tmp_path: Path):
    options = (*chosen(*tricks), "data.augment.shift=1", "seed=3")
    torch.manual_seed(0)
    first = ended(tmp_path / "1", *options)
    torch.manual_seed(1)  # the caller's random state plays no part
    torch.rand(7)
    assert_equal(ended(tmp_path / "2", *options), first)


def test_another_seed_changes_the_run_and_not_the_labelled_images(tmp_path: Path):
    one, two = ended(tmp_path / "1", "seed=1"), ended(tmp_path / "2", "seed=2")
    assert one[1] != two[1]
    weights = [name for name, value in one[0].items() if name.endswith("weight") and value.ndim > 1]
    assert len(weights) > 3 and all(not torch.equal(one[0][name], two[0][name]) for name in weights)
    subsets = [labelled(tmp_path, f"seed={seed}", "data.seed=1") for seed in (1, 2)]
    assert torch.equal(*subsets)


def test_another_data_seed_changes_the_labelled_images(tmp_path: Path):
    subsets = [labelled(tmp_path, f"data.seed={seed}") for seed in (1, 2)]
    assert set(subsets[0].tolist()) != set(subsets[1].tolist())
    assert ended(tmp_path / "1", "data.seed=1")[1] != ended(tmp_path / "2", "data.seed=2")[1]


def labelled(run_dir: Path, *overrides: str) -> torch.Tensor:
    config = compose_run(run_dir, *TINY, *overrides)
    return SemiSupervisedData(config.data.load(), config.data, config.run.seed).labelled_indices


# --- learning rate, progress and gradients ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        # 12 iterations an epoch of batches of 100
        (("optim.flat=1", "trainer.max_epochs=2"), [1.0] * 24),
        (("optim.flat=0.5", "optim.interval=epoch", "trainer.max_epochs=4"), [1.0] * 36 + [0.5] * 12),
        (("optim.flat=0", "optim.interval=epoch", "trainer.max_epochs=3"), [1.0] * 12 + [2 / 3] * 12 + [1 / 3] * 12),
        (
            ("optim.flat=0.5", "optim.interval=iteration", "trainer.max_iterations=10"),
            [1, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2],
        ),
        (("optim.flat=0", "optim.interval=iteration", "trainer.max_iterations=4"), [1, 0.75, 0.5, 0.25]),
        # four iterations a batch, of which the last one's rate is seen
        (
            ("optim.flat=0", "optim.interval=epoch", "trainer.max_epochs=3", "trainer.iterations_per_batch=4"),
            [1.0] * 3 + [2 / 3] * 3 + [1 / 3] * 3,
        ),
        (
            ("optim.flat=0", "optim.interval=iteration", "trainer.max_epochs=2", "trainer.iterations_per_batch=4"),
            [1 - (4 * i + 3) / 24 for i in range(6)],
        ),
    ],
)
def test_the_learning_rate_is_flat_and_then_falls_linearly_to_zero(options, expected, tmp_path: Path):
    recorder = Recorder()
    train(tmp_path, *TINY, "data.batch_size=100", "optim.lr=2e-3", *options, callbacks=[recorder])
    assert [d for d, _ in recorder.rates] == pytest.approx([2e-3 * factor for factor in expected])
    assert [g for _, g in recorder.rates] == [d for d, _ in recorder.rates]


def test_techniques_see_how_much_of_the_run_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    seen: list[torch.Tensor] = []
    values: list[float] = []

    def look(self, step):
        seen.append(step.progress)
        values.append(step.progress.item())

    monkeypatch.setattr(Consistency, "discriminator_penalty", look)
    short = (*TINY, *chosen("consistency"), "objective.d_steps=2")
    train(tmp_path, *short, "trainer.max_iterations=2")
    train(tmp_path, *short, "trainer.max_iterations=4", f"ckpt_path={tmp_path / 'checkpoints' / 'last.ckpt'}")
    assert values == [0, 0, 0.5, 0.5, 0.5, 0.5, 0.75, 0.75]
    assert len({value.data_ptr() for value in seen[4:]}) == 1, "a recorded graph reads it where it was"


def test_the_generator_steps_at_its_own_rate_and_momentum(tmp_path: Path):
    recorder = Recorder()
    own = ("optim.generator_lr_factor=0.25", "optim.generator_beta1=0.1", "optim.flat=0.5", "optim.interval=iteration")
    train(tmp_path, *TINY, "optim.lr=2e-3", *own, "trainer.max_iterations=4", callbacks=[recorder])
    factors = [1, 1, 1, 0.5]
    assert recorder.rates == [pytest.approx((2e-3 * factor, 5e-4 * factor)) for factor in factors]
    betas = [adam["param_groups"][0]["betas"] for adam in last_checkpoint(tmp_path)["optimizer_states"]]
    assert betas == [(0.5, 0.999), (0.1, 0.999)]


def test_the_logged_rate_is_the_one_in_use(tmp_path: Path):
    recorder = Recorder()
    short = (*SHORT, "optim.flat=0", "optim.interval=iteration")
    train(tmp_path, *short, callbacks=[recorder])
    logged = [row["train/lr"] for row in metric_rows(tmp_path) if "train/lr" in row]
    assert logged == pytest.approx([d for d, _ in recorder.rates])


def test_gradients_are_clipped_for_each_player(tmp_path: Path):
    """Every step sees a gradient of the norm that clip_norm allows; unclipped ones are far longer."""
    free, clipped = Recorder(), Recorder()
    short = (*TINY, *chosen(*TRICKS), "trainer.max_iterations=3", "objective.d_steps=2", "objective.g_steps=2")
    train(tmp_path / "free", *short, callbacks=[free])
    train(tmp_path / "clipped", *short, "optim.clip_norm=1e-5", callbacks=[clipped])
    for player in ("discriminator", "generator"):
        assert len(clipped.norms[player]) == len(free.norms[player]) == 6
        assert min(free.norms[player]) > 1e-4
        assert clipped.norms[player] == pytest.approx([1e-5] * 6, rel=1e-3)


def test_a_wide_clip_changes_nothing(tmp_path: Path):
    assert_equal(ended(tmp_path / "1", "optim.clip_norm=1e6"), ended(tmp_path / "2"))


def test_a_players_step_changes_that_player_alone(tmp_path: Path):
    changed: dict[str, list[set[str]]] = {"discriminator": [], "generator": []}

    class Steps(Callback):
        def on_train_start(self, trainer, pl_module):
            for player in changed:
                self.watch(pl_module, player, getattr(pl_module, f"{player}_step"))

        def watch(self, module, player, step):
            def watched(*args, **kwargs):
                before = {n: [p.clone() for p in network.parameters()] for n, network in module.players.items()}
                result = step(*args, **kwargs)
                changed[player].append(
                    {
                        name
                        for name, network in module.players.items()
                        if any(not torch.equal(p, q) for p, q in zip(network.parameters(), before[name], strict=True))
                    }
                )
                assert all(p.requires_grad for network in module.players.values() for p in network.parameters())
                return result

            setattr(module, f"{player}_step", watched)

    train(tmp_path, *TINY, *chosen(*TRICKS), "trainer.max_iterations=2", callbacks=[Steps()])
    assert changed == {player: [{player}] * 2 for player in changed}


# --- the average of the weights --------------------------------------------------------------------------------------


def slow_average(weights: list[dict], rates: list[float]) -> dict[str, torch.Tensor]:
    """The exponential average, written out."""
    average = {name: value.double() for name, value in weights[0].items()}
    for now, rate in zip(weights[1:], rates, strict=True):
        average = {name: (1 - rate) * average[name] + rate * now[name].double() for name in average}
    return average


@pytest.mark.parametrize(
    ("options", "rates"),
    [
        (("rate=0.1", "warmup=false"), [0.1] * 12),
        (("rate=null", "half_life=3", "warmup=false"), [1 - 0.5 ** (1 / 3)] * 12),
        (("rate=0.5", "warmup=true"), [max(0.5, 9 / (10 + t)) for t in range(12)]),
    ],
    ids=["rate", "half-life", "warm-up"],
)
def test_the_classifier_in_use_is_the_average_of_ds_weights(options, rates, tmp_path: Path):
    recorder = Recorder()
    average = [f"optim.average.{option}" for option in options]
    short = (*TINY, "objective.d_steps=2", "trainer.max_iterations=12", "optim.lr=0.02")
    result = train(tmp_path, *short, *average, callbacks=[recorder])
    module = recorder.module
    expected = slow_average(recorder.weights, rates)
    for name, value in module.average.network.named_parameters():
        torch.testing.assert_close(value.double(), expected[name], rtol=1e-4, atol=1e-6)

    data = compose_run(tmp_path, *TINY).data.load()
    live = module.discriminator(module.scale(data.x_test)).logits
    module.discriminator.load_state_dict({name: value.float() for name, value in expected.items()}, strict=False)
    averaged = module.discriminator(module.scale(data.x_test)).logits
    torch.testing.assert_close(module.classify(data.x_test), averaged, rtol=1e-3, atol=1e-4)
    assert not torch.allclose(live, averaged, rtol=1e-2), "the average must not be the last weights"
    assert result["test_errors"] == (averaged.argmax(1) != data.y_test).sum().item()


def test_half_of_an_average_is_forgotten_in_its_half_life(tmp_path: Path):
    recorder = Recorder()
    options = ("optim.average.rate=null", "optim.average.half_life=5", "optim.average.warmup=false")

    class Jump(Callback):
        """From the start on, all of D's biases are 1 and stay so."""

        def on_train_batch_start(self, trainer, pl_module, *_):
            for optimizer in trainer.optimizers:
                optimizer.param_groups[0]["lr"] = 0.0
            torch.nn.init.constant_(pl_module.discriminator.classifier.bias, 1.0)
            if trainer.global_step == 0:
                torch.nn.init.constant_(pl_module.average.network.classifier.bias, 0.0)

    short = (*TINY, "trick=none", "optim.lr=1e-12", "trainer.max_iterations=10")
    train(tmp_path, *short, *options, callbacks=[Jump(), recorder])
    bias = recorder.module.average.network.classifier.bias
    torch.testing.assert_close(bias, torch.full_like(bias, 0.75), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("averaged", [False, True])
def test_samples_come_from_the_average_of_g_where_it_is_asked_for(averaged: bool, tmp_path: Path):
    recorder = Recorder()
    average = (
        "optim.average.rate=0.05",
        "optim.average.warmup=false",
        f"optim.average.generator={str(averaged).lower()}",
    )
    train(tmp_path, *TINY, *average, "trainer.max_iterations=6", "optim.lr=0.05", callbacks=[recorder])
    module = recorder.module
    z = torch.rand(8, 50, generator=torch.Generator().manual_seed(0))
    live = module.scale.to_pixels(module.generator(z))
    assert torch.equal(module.sample(z), live) is not averaged
    assert module.sample(z).dtype == torch.uint8 and module.sample(z).shape == (8, 1, 8, 8)


def test_classifying_is_deterministic_and_each_image_is_on_its_own(tmp_path: Path):
    """No noise at inference, and no influence of one example of a batch on another, minibatch features included."""
    recorder = Recorder()
    train(tmp_path, *TINY, *chosen(*TRICKS), "trainer.max_iterations=2", callbacks=[recorder])
    images = compose_run(tmp_path, *TINY).data.load().x_test[:20]
    whole = recorder.module.classify(images)
    assert torch.equal(recorder.module.classify(images), whole)
    single = torch.cat([recorder.module.classify(image[None]) for image in images])
    torch.testing.assert_close(single, whole, rtol=1e-4, atol=1e-5)


def test_eval_batch_size_does_not_change_the_errors(tmp_path: Path):
    short = (*TINY, *chosen(*TRICKS), "trainer.max_iterations=3", "data.num_val=30")
    results = [train(tmp_path / n, *short, f"data.eval_batch_size={n}") for n in ("1000", "7")]
    assert results[0]["test_errors"] == results[1]["test_errors"] and results[0]["val_error"] == results[1]["val_error"]
