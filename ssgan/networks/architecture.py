"""The architectures that can be chosen, with their sizes; each builds both players for a data set."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from ssgan.checks import in_range, non_negative, one_of, positive
from ssgan.errors import ConfigError

if TYPE_CHECKING:
    from torch import nn

    from ssgan.networks.discriminator import Discriminator
    from ssgan.networks.encoder import Encoder
    from ssgan.networks.generator import Generator


class TrickLayers(Protocol):
    """The layers that the selected techniques put into the networks (:class:`ssgan.tricks.TrickSet`)."""

    def generator_norm(self, channels: int, batch_size: int) -> nn.Module:
        """G's normalisation after a hidden layer."""

    def discriminator_heads(self, num_features: int, batch_size: int) -> dict[str, nn.Module]:
        """Layers whose outputs D's last layer sees beside its features."""


def are_widths(values: list[Any]) -> bool:
    """Whether all are positive whole numbers; a list within the list is not refused by its type alone."""
    return all(isinstance(value, int) and value > 0 for value in values)


@dataclass(kw_only=True)
class Architecture(ABC):
    """What every architecture states.

    ``feature_norm`` is the norm with which its published runs match features, ``minibatch_kernels`` the number of
    kernels of minibatch discrimination that suits its size; ``pixel_offset`` and ``pixel_divisor`` scale its images,
    ``(pixel − offset) / divisor``, to the range of G's output.
    """

    z_dim: int = 100
    feature_norm: str = "l2"
    minibatch_kernels: int = 100
    pixel_offset: float = 0.0
    pixel_divisor: float = 255.0

    def __post_init__(self) -> None:
        positive("model.z_dim", self.z_dim)
        one_of("model.feature_norm", self.feature_norm, ("l1", "l2"))
        positive("model.minibatch_kernels", self.minibatch_kernels)
        positive("model.pixel_divisor", self.pixel_divisor)

    @abstractmethod
    def build_generator(self, image_shape: tuple[int, int, int], tricks: TrickLayers, batch_size: int) -> Generator:
        """G for images ``(channels, height, width)``; weights not yet set."""

    def build_encoder(self, image_shape: tuple[int, int, int]) -> Encoder:
        """The mirror image of G, from images ``(channels, height, width)`` to z; weights not yet set.

        Raises:
            ConfigError: the architecture has none.
        """
        raise ConfigError(f"model: {type(self).__name__} has no encoder, which a technique needs")

    @abstractmethod
    def build_discriminator(
        self, image_shape: tuple[int, int, int], num_classes: int, tricks: TrickLayers, batch_size: int
    ) -> Discriminator:
        """D for images ``(channels, height, width)``; weights not yet set."""


@dataclass(kw_only=True)
class MLP(Architecture):
    """Dense networks on flat images in [0, 1] (the permutation-invariant MNIST recipe)."""

    generator_hidden: list[int] = field(default_factory=lambda: [500, 500])
    discriminator_hidden: list[int] = field(default_factory=lambda: [1000, 500, 250, 250, 250])
    input_noise: float = 0.3
    hidden_noise: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("generator_hidden", "discriminator_hidden"):
            widths = getattr(self, name)
            if not widths or not are_widths(widths):
                raise ConfigError(f"model.{name}={widths} must be a list of at least one positive width")
        non_negative("model.input_noise", self.input_noise)
        non_negative("model.hidden_noise", self.hidden_noise)

    def build_generator(self, image_shape: tuple[int, int, int], tricks: TrickLayers, batch_size: int) -> Generator:
        """See :class:`ssgan.networks.mlp.MLPGenerator`."""
        from ssgan.networks.mlp import MLPGenerator

        return MLPGenerator(
            image_shape, self.z_dim, self.generator_hidden, lambda width: tricks.generator_norm(width, batch_size)
        )

    def build_encoder(self, image_shape: tuple[int, int, int]) -> Encoder:
        """See :class:`ssgan.networks.mlp.MLPEncoder`."""
        from ssgan.networks.mlp import MLPEncoder

        return MLPEncoder(image_shape, self.z_dim, self.generator_hidden)

    def build_discriminator(
        self, image_shape: tuple[int, int, int], num_classes: int, tricks: TrickLayers, batch_size: int
    ) -> Discriminator:
        """See :class:`ssgan.networks.mlp.MLPDiscriminator`."""
        from ssgan.networks.mlp import MLPDiscriminator

        heads = tricks.discriminator_heads(self.discriminator_hidden[-1], batch_size)
        return MLPDiscriminator(
            image_shape, num_classes, self.discriminator_hidden, self.input_noise, self.hidden_noise, heads
        )


@dataclass(kw_only=True)
class Conv(Architecture):
    """Convolutional networks on images in [−1, 1] (the SVHN and CIFAR-10 recipes).

    ``discriminator_widths`` are the recipes' a and b. ``first_stride`` 2 halves the image's sides in D's first
    convolution already, so that nearly all of D costs a quarter; the recipes' is 1. ``input_dropout`` is the published
    feature-matching run's input noise, ``input_noise`` (Gaussian, std) that of the minibatch-discrimination run; 0
    leaves either out, and of both the noise comes first. Dropout drops single values, or with ``drop_channels`` whole
    channels of the ``input`` or of ``all`` layers, as in Bad GAN. ``pool`` is how D's last activations become features:
    their mean, or their largest (``max``, as in manifold regularisation).
    """

    feature_norm: str = "l1"
    pixel_offset: float = 127.5
    pixel_divisor: float = 127.5
    generator_widths: list[int] = field(default_factory=lambda: [512, 256, 128])
    discriminator_widths: list[int] = field(default_factory=lambda: [64, 128])
    first_stride: int = 1
    pool: str = "mean"
    input_dropout: float = 0.2
    input_noise: float = 0.0
    hidden_dropout: float = 0.5
    drop_channels: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, count in (("generator_widths", 3), ("discriminator_widths", 2)):
            widths = getattr(self, name)
            if len(widths) != count or not are_widths(widths):
                raise ConfigError(f"model.{name}={widths} must be a list of {count} positive widths")
        one_of("model.first_stride", self.first_stride, (1, 2))
        one_of("model.pool", self.pool, ("mean", "max"))
        if self.drop_channels is not None:
            one_of("model.drop_channels", self.drop_channels, ("input", "all"))
            if not self.input_dropout and (self.drop_channels == "input" or not self.hidden_dropout):
                raise ConfigError(f"model.drop_channels={self.drop_channels}: there is no dropout, its rate is 0")
        in_range("model.input_dropout", self.input_dropout, 0.0, 0.99)
        non_negative("model.input_noise", self.input_noise)
        in_range("model.hidden_dropout", self.hidden_dropout, 0.0, 0.99)

    def build_generator(self, image_shape: tuple[int, int, int], tricks: TrickLayers, batch_size: int) -> Generator:
        """See :class:`ssgan.networks.conv.ConvGenerator`."""
        from ssgan.networks.conv import ConvGenerator

        return ConvGenerator(
            image_shape, self.z_dim, self.generator_widths, lambda width: tricks.generator_norm(width, batch_size)
        )

    def build_encoder(self, image_shape: tuple[int, int, int]) -> Encoder:
        """See :class:`ssgan.networks.conv.ConvEncoder`."""
        from ssgan.networks.conv import ConvEncoder

        return ConvEncoder(image_shape, self.z_dim, self.generator_widths)

    def build_discriminator(
        self, image_shape: tuple[int, int, int], num_classes: int, tricks: TrickLayers, batch_size: int
    ) -> Discriminator:
        """See :class:`ssgan.networks.conv.ConvDiscriminator`."""
        from ssgan.networks.conv import ConvDiscriminator

        heads = tricks.discriminator_heads(self.discriminator_widths[-1], batch_size)
        return ConvDiscriminator(
            image_shape,
            num_classes,
            self.discriminator_widths,
            self.first_stride,
            self.pool,
            self.input_dropout,
            self.input_noise,
            self.hidden_dropout,
            self.drop_channels,
            heads,
        )
