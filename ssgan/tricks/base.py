"""The seams that a training technique can fill.

A technique is a dataclass of its hyper-parameters that overrides one or more methods of :class:`Trick`. It keeps no
state: what has state (a layer, a running mean) is a module that the technique builds. Definitions import torch only
inside their methods, so that a wrong option is refused before torch is loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from torch import Tensor, nn

    from ssgan.networks.architecture import Architecture
    from ssgan.networks.discriminator import Discriminator
    from ssgan.networks.generator import Generator
    from ssgan.steps import DiscriminatorStep, GeneratorStep


class Trick:
    """A training technique. Every seam has a default that does nothing, so a technique overrides only what it changes.

    The seams of all selected techniques are combined by :class:`ssgan.tricks.TrickSet`; the result does not depend on
    their order. An objective or penalty is a mean over the batch, a tensor without dimensions, or None for no term.
    """

    #: Whether the technique looks at ``GeneratorStep.real``; the pass of D over real images in G's step costs time.
    uses_real_features: ClassVar[bool] = False

    #: Options that take less memory when they are smaller, named where there is none left.
    memory_options: ClassVar[tuple[str, ...]] = ()

    def real_target(self) -> float:
        """Target of real images in D's real/fake loss (several techniques: the product)."""
        return 1.0

    def generator_norm(self, channels: int, batch_size: int) -> nn.Module | None:
        """Normalisation of a hidden layer of G with that many channels (at most one technique may give one).

        Its attribute ``reference_size`` (default 0) is the number of reference examples that come first in its batch.
        """
        return None

    def generator_companion(self, architecture: Architecture, image_shape: tuple[int, int, int]) -> nn.Module | None:
        """Network that learns with G, by G's cost and optimiser; the technique finds it again in ``step.companion``.

        It is called once with G's images before training, so that layers can take start values from data. The weights
        of dense and convolutional layers are drawn as G's, their biases 0; others follow their
        ``draw_parameters(generator)`` if they have one, or keep the values with which they were made.
        ``optim.clip_norm`` is that of G's gradient and the network's together; penalties on parameters and the averages
        of weights leave it out.
        """
        return None

    def discriminator_head(self, num_features: int, batch_size: int) -> nn.Module | None:
        """Layer that computes further features for D's last layer from ``f(x)``.

        Its ``forward(features, reference)`` maps ``[parts, n, num_features]`` to ``[parts, n, out_features]``, each
        part being a minibatch of its own; ``out_features`` is an attribute. At inference ``reference`` holds ``f`` of
        fixed real images, as many as its attribute ``reference_size`` (default 0) says; in training it is None.
        """
        return None

    def discriminator_companion(self, num_features: int, image_shape: tuple[int, int, int]) -> nn.Module | None:
        """Network that learns with D, as one of its parts; the technique finds it again in ``step.companion``.

        Where a technique looks at it in G's step too, that is ``step.discriminator_companion``, a constant. Its start
        values are set as :meth:`generator_companion`'s, from D's features ``f(x)``, ``[n, num_features]``, where layers
        take them from data; one that sees something else has no such layers. D's optimiser, clipping, penalties on
        parameters and average of weights have it with D.
        """
        return None

    def discriminator_weight_scale(self, shape: Sequence[int]) -> nn.Module | None:
        """What the weight ``v`` of one of D's layers is multiplied by in place of weight norm's ``1/‖v‖`` of each unit.

        Its ``forward(weight)`` maps a weight of that shape, outputs first, to one factor or one for each output; the
        layer's gain and the start values taken from data stay (at most one technique may give one).
        """
        return None

    def discriminator_draws(
        self, generator: Generator, discriminator: Discriminator, shape: Sequence[int], rng: torch.Generator
    ) -> tuple[Tensor, ...]:
        """Randomness of the technique's own for a D step, which it finds again in ``step.draws``.

        Args:
            generator: G, for the size of z.
            discriminator: D, for the noise of its layers.
            shape: of the whole batch of images, all processes' parts together, ``[n, channels, height, width]``.
            rng: source of all randomness.

        Returns:
            Tensors of n rows each, on the device of ``rng``; each process gets the rows of its own examples.
        """
        return ()

    def generator_draws(
        self, generator: Generator, discriminator: Discriminator, shape: Sequence[int], rng: torch.Generator
    ) -> tuple[Tensor, ...]:
        """Randomness of the technique's own for a G step; as :meth:`discriminator_draws`."""
        return ()

    def generator_objective(self, step: GeneratorStep) -> Tensor | None:
        """What G minimises *instead of* the adversarial loss (several techniques: the sum)."""
        return None

    def generator_penalty(self, step: GeneratorStep) -> Tensor | None:
        """What G minimises *besides* its objective."""
        return None

    def discriminator_objective(self, step: DiscriminatorStep) -> Tensor | None:
        """What D minimises on unlabelled and generated images *instead of* its real/fake loss (several: the sum).

        It is weighted by ``objective.unlabelled_weight`` as that is, and has no use for :meth:`real_target`.
        """
        return None

    def discriminator_penalty(self, step: DiscriminatorStep) -> Tensor | None:
        """What D minimises besides the labelled and unlabelled losses."""
        return None

    def parameter_penalty(self, parameters: Sequence[Tensor]) -> nn.Module | None:
        """Module that computes a penalty on a player's parameters; built for each player and saved with the model.

        Its ``forward(parameters)`` is added to the player's cost. ``update(parameters)`` is called after each step,
        without gradients; it changes the module's buffers in place.
        """
        return None
