"""The LightningModule: D step, G step, bookkeeping."""

from __future__ import annotations

from typing import Any, cast

import lightning as L
import torch
from torch import Tensor, nn

from ssgan.augmentation import Augmentation
from ssgan.data.streams import EvalBatch, IterationBatch
from ssgan.layers import PixelScale, Share, spanning
from ssgan.machine.precision import uncached_casts
from ssgan.networks.at_inference import at_inference
from ssgan.networks.discriminator import Discriminator
from ssgan.networks.generator import Generator
from ssgan.objectives import add_terms, discriminator_terms, frozen, generator_terms
from ssgan.steps import DiscriminatorBatch
from ssgan.training.average import WeightAverage, average_rate, in_use
from ssgan.training.captured import Captured
from ssgan.training.error_rates import ErrorRates
from ssgan.training.initialisation import initialise_players
from ssgan.training.length import count_iteration, total_iterations
from ssgan.training.loss_log import LossLog, row_of
from ssgan.training.members import ONE, Members
from ssgan.training.optimisers import adapt, make_optimiser, set_learning_rate
from ssgan.training.penalties import ParameterPenalties
from ssgan.training.randomness import Randomness, draw_discriminator_noise, draw_generator_noise
from ssgan.training.shared_gradients import average_gradients, check_strategy
from ssgan.training.stopwatch import Stopwatch
from ssgan.training_options import Objective, Optim
from ssgan.tricks import TrickSet


class SemiSupervisedGAN(L.LightningModule):
    """A generator and a K+1-class discriminator that train each other, with the techniques that are switched on.

    ``trainer.global_step`` is the number of iterations done; an iteration is ``d_steps`` D updates, then ``g_steps`` G
    updates. The classifier in use, ``average.network``, is the exponential average of D.

    An ensemble's networks, images, noise and terms have the members in dimension 0 (:mod:`ssgan.training.members`).

    Args:
        generator, discriminator: the two players; of an ensemble, stacked.
        companions: networks of techniques that learn with G, by name; of an ensemble, stacked.
        scale: between stored pixels and the networks' range.
        tricks: the techniques.
        objective: the players' costs and the number of their steps.
        optim: optimiser, learning rate and weight average.
        members: of an ensemble, or a single model.
        seed: of start values and noise; member i has seed + i.
        augmentation: of the images of D's and G's steps.
        log_every: iterations between two rows of the log.
        cuda_graphs: replay an iteration's steps as one.
        description: plain values saved with every checkpoint so that it can be used on its own.
    """

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        companions: nn.ModuleDict,
        scale: PixelScale,
        tricks: TrickSet | None = None,
        objective: Objective | None = None,
        optim: Optim | None = None,
        *,
        members: Members = ONE,
        seed: int = 1,
        augmentation: Augmentation | None = None,
        log_every: int = 50,
        cuda_graphs: bool = False,
        description: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.generator = generator
        self.discriminator = discriminator
        self.companions = companions
        self.scale = scale
        self.tricks = tricks or TrickSet()
        self.objective = objective or Objective()
        self.optim = optim or Optim()
        self.members = members
        self.seed = seed
        self.augmentation = augmentation or Augmentation()
        self.description = description or {}
        self.loss_log = LossLog(log_every)
        self.cuda_graphs = cuda_graphs
        self.take_steps: Any = self.steps
        self.lr = self.optim.lr
        self.progress: Tensor
        self.register_buffer("progress", torch.zeros(()), persistent=False)  # a tensor, for a recorded graph reads it
        self._begin_to_follow()
        self.errors = ErrorRates(discriminator.classifier.out_features, members)
        self.random = Randomness(seed, members)
        self.stopwatch = Stopwatch()
        self.final_test = False  # whether a test ends the training
        self._resumed: dict[str, Any] | None = None

    @classmethod
    def load_from_checkpoint(cls, checkpoint_path: Any, map_location: Any = None, **how: bool) -> Any:  # type: ignore[override]
        """The module of a checkpoint or run, on the CPU; what predicts is :func:`ssgan.load`. Raises: ConfigError."""
        from ssgan.inference.stored_module import load_module

        return load_module(checkpoint_path, **how)[0].to(map_location or "cpu")

    @property
    def players(self) -> dict[str, nn.Module]:
        """Both networks."""
        return {"discriminator": self.discriminator, "generator": self.generator}

    def initialise(self, pixels: Tensor) -> None:
        """Set all start values: weights from the seed, gains and biases from data, references of techniques.

        Args:
            pixels: 500 training images, uint8 ``[n, channels, height, width]``; 500 for each member of an ensemble.
        """
        stacked = self.generator, self.discriminator, self.companions
        generators, discriminators, companions = apart = [self.members.apart(each) for each in stacked]
        for i, images in enumerate(self.members.split(pixels)):
            initialise_players(generators[i], discriminators[i], companions[i], self.scale(images), self.seed + i)
        self.generator, self.discriminator, self.companions = map(self.members.together, apart)
        self._begin_to_follow()

    def _begin_to_follow(self) -> None:
        """Make the weight averages and the penalties on parameters, which start from the networks' present values."""
        self.average = WeightAverage(self.discriminator)
        self.generator_average = WeightAverage(self.generator) if self.optim.average.generator else None
        penalties = {name: ParameterPenalties(self.tricks, p, self.members) for name, p in self.players.items()}
        self.penalties = nn.ModuleDict(penalties)

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """One for each player."""
        nets = self.players | {"generator": nn.ModuleList([self.generator, self.companions])}
        return [make_optimiser(net, self.optim.for_player(name), self.trainer.precision) for name, net in nets.items()]

    def on_fit_start(self) -> None:
        """Make the noise generators, whose draws for a whole batch the processes share. Raises: ConfigError."""
        check_strategy(self.trainer)
        share = Share(self.global_rank, self.trainer.world_size)
        self.random = Randomness(self.seed, self.members, self.device, share)
        if self._resumed is not None:
            self.stopwatch.earlier = self._resumed["seconds"]
            self.loss_log.load(self._resumed["history"], self.device)
            self.random.load(self._resumed["rng_state"])
            self._resumed = None
        self.stopwatch.start()

    def on_train_start(self) -> None:
        """Prepare averages and optimisers, perhaps of a checkpoint, for the device and precision of this training."""
        averaged = ((self.average, self.discriminator), (self.generator_average, self.generator))
        self.follow = [average.following(network) for average, network in averaged if average is not None]
        self.take_steps = Captured(self.steps, self.random.generators) if self.cuda_graphs else self.steps
        optimisers, options = self.trainer.optimizers, [self.optim.for_player(name) for name in self.players]
        adapt(optimisers, options, self.trainer.precision, self.device, in_graph=self.cuda_graphs)

    def training_step(self, batch: list[IterationBatch], batch_idx: int) -> None:
        """The iterations of a batch, usually one: D steps, G steps, weight averages, bookkeeping."""
        for images in batch:
            self._set_progress(per_epoch=int(self.trainer.num_training_batches) * len(batch))
            self.loss_log.append(*self.take_steps(images))
            rate = average_rate(self.optim.average, self.global_step, self.optim.length)
            for follow in self.follow:
                follow(rate)
            count_iteration(self.trainer)
            if self.global_step % self.loss_log.length == 0:
                self._log_losses()

    @uncached_casts()
    def steps(self, batch: IterationBatch) -> tuple[list[str], Tensor]:
        """The D steps and the G steps of an iteration; names and values of their terms."""
        labelled, labels, unlabelled, real = (images.unbind() for images in batch)
        d_terms = list(map(self.discriminator_step, labelled, labels, unlabelled))
        return row_of({"d": d_terms, "g": list(map(self.generator_step, real))})

    def discriminator_step(self, labelled: Tensor, labels: Tensor, unlabelled: Tensor) -> dict[str, Tensor]:
        """Update D once; return the terms of its cost."""
        generator, discriminator, objective, tricks = self.generator, self.discriminator, self.objective, self.tricks
        batch, shape = DiscriminatorBatch(self._images(labelled), labels, self._images(unlabelled)), labelled.shape[-4:]
        noise = self.random.draw(
            lambda rng, share: draw_discriminator_noise(generator, discriminator, shape, objective, tricks, rng, share)
        )
        networks = (generator, discriminator, self.average.network)
        with spanning(self.random.share):
            terms = self.members.call(discriminator_terms, networks, batch, noise, objective, tricks, self.progress)
            return self._update("discriminator", terms)

    def generator_step(self, real: Tensor) -> dict[str, Tensor]:
        """Update G once; return the terms of its cost."""
        generator, discriminator, objective, tricks = self.generator, self.discriminator, self.objective, self.tricks
        images, shape = self._images(real), real.shape[-4:]
        noise = self.random.draw(
            lambda rng, share: draw_generator_noise(generator, discriminator, shape, tricks, rng, share)
        )
        networks = (generator, discriminator, self.companions)
        with frozen(discriminator), spanning(self.random.share):
            terms = self.members.call(generator_terms, networks, images, noise, objective, tricks, self.progress)
            return self._update("generator", terms)

    def _images(self, pixels: Tensor) -> Tensor:
        """Augmented and scaled images."""
        return self.scale(self.random.augment(pixels, self.augmentation))

    def _update(self, player: str, terms: dict[str, Tensor]) -> dict[str, Tensor]:
        """Step down the sum of the terms and the penalties on the player's parameters."""
        optimizer = self.trainer.optimizers[list(self.players).index(player)]
        network, penalties = self.players[player], cast(ParameterPenalties, self.penalties[player])
        terms = add_terms(terms, penalties.terms(network))
        optimizer.zero_grad()
        with torch.autocast(self.device.type, enabled=False):  # products whose forward pass was in float32 stay so
            self.manual_backward(torch.stack(list(terms.values())).sum())
        average_gradients(optimizer.param_groups[0]["params"], self.random.share)
        self.trainer.strategy.optimizer_step(optimizer, closure=lambda: None)
        penalties.follow(network)
        return {name: term.detach() for name, term in terms.items()}

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Clip a player's gradient; a loss scaler has unscaled it by now."""
        if (norm := self.optim.clip_norm) is not None:
            self.members.clip_gradients(optimizer.param_groups[0]["params"], norm)

    def _set_progress(self, per_epoch: int) -> None:
        """Progress and learning rate are functions of the iteration, so a resumed run needs no state for them."""
        total = total_iterations(self.trainer, per_epoch)
        self.progress.fill_(self.global_step / total)
        self.lr = self.optim.lr_at(self.global_step, per_epoch, total)
        set_learning_rate(self.trainer.optimizers, (self.lr, self.lr * self.optim.generator_lr_factor))

    def _log_losses(self, callbacks: bool = True) -> None:
        """Log the terms' means since the last row, to callbacks and progress bar too; stop if one was not finite."""
        means = self.loss_log.flush(self.global_step, self.trainer.strategy)
        if means:
            means["train/lr"] = self.lr
            self._log(means)
        for key, value in means.items() if callbacks else ():
            # A tensor of the host; a number would go to the device, and back at every batch.
            self.log(key, torch.tensor(value), prog_bar=key in ("train/d_loss", "train/g_loss"), logger=False)

    def _log(self, metrics: dict[str, float]) -> None:
        """Give metrics to the loggers, on the axis of iterations."""
        for logger in self.loggers:
            logger.log_metrics(metrics, step=self.global_step)

    def classify(self, pixels: Tensor) -> Tensor:
        """Logits ``[n, K]`` of the averaged classifier for uint8 images; of an ensemble ``[members, n, K]``.

        An ensemble's members take the same images ``[n, …]``, or each its own, ``[members, n, …]``.
        """
        images = self.members.shared(self.scale(pixels), dims=4)
        return self.members.call(lambda network, x: network(x).logits, [self.average.network], images)

    forward = classify  # what Trainer.predict and a call of the module compute

    def sample(self, z: Tensor) -> Tensor:
        """uint8 images ``[n, channels, height, width]`` generated from z, an ensemble's members in turn."""
        with at_inference(in_use(self.generator, self.generator_average)) as network:
            images = self.members.call(lambda network, x: network(x), [network], self.members.shared(z, dims=2))
        return self.scale.to_pixels(self.members.in_turn(images))

    def validation_step(self, batch: EvalBatch, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Count errors of the averaged classifier."""
        self.errors.update(batch.split, self.classify(batch.images), batch.labels)

    test_step = validation_step

    def on_validation_epoch_end(self) -> None:
        """Log ``val/error`` and ``test/error``, and of an ensemble ``test/ensemble_error``.

        Those of a training go to its loggers by iteration; others are Lightning's to log, and its trainer returns them.
        """
        ours = self.trainer.state.fn == "fit" or self.final_test
        for metrics, new in self.errors.finished(self.global_step):
            self.log_dict(metrics, prog_bar=True, logger=not ours, sync_dist=True)
            if ours and new and not self.trainer.sanity_checking:  # the last evaluation may be the final test
                self._log(metrics)

    on_test_epoch_end = on_validation_epoch_end

    def on_train_end(self) -> None:
        """Log what is left; refuse to end on values that are not finite."""
        self.stopwatch.stop()
        self.take_steps, self.follow = self.steps, []  # a recorded graph holds the memory of all that it computes
        self._log_losses(callbacks=False)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what makes the checkpoint whole; refuse to save values that are not finite."""
        history = self.loss_log.state(self.global_step, self.trainer.strategy)
        self.loss_log.check_parameters(self.global_step, self.players)
        checkpoint["ssgan"] = {
            **self.description,
            "seconds": self.stopwatch.seconds,
            "rng_state": self.random.state(),
            "history": history,
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what :meth:`on_save_checkpoint` added until the training device is known."""
        self._resumed = checkpoint["ssgan"]
