"""The convolutional networks of the SVHN and CIFAR-10 recipes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor, nn

from ssgan.errors import ConfigError
from ssgan.layers import (
    BatchNorm,
    ChannelsLastSequential,
    Dropout,
    GaussianNoise,
    WeightNormConv2d,
    WeightNormConvTranspose2d,
)
from ssgan.networks.discriminator import Discriminator
from ssgan.networks.encoder import Encoder
from ssgan.networks.generator import Generator, NormFactory


class GlobalMaxPool(nn.Module):
    """Each channel's largest activation. On a GPU ``nn.AdaptiveMaxPool2d`` has no deterministic gradient."""

    def forward(self, x: Tensor) -> Tensor:
        """``[n, c, h, w]`` → ``[n, c]``."""
        return x.amax((2, 3))


#: How the last activations become features.
POOLS: dict[str, Callable[[], nn.Module]] = {"mean": lambda: nn.AdaptiveAvgPool2d(1), "max": GlobalMaxPool}


def dropout(shape: tuple[int, int, int], p: float, whole: bool) -> list[Dropout]:
    """Dropout of images' values, or of their whole channels; none if p is 0."""
    return [Dropout((shape[0], 1, 1) if whole else shape, p)] if p else []


def halve(size: Sequence[int]) -> tuple[int, int]:
    """Height and width after a convolution of stride 2 that keeps the borders: halved, rounded up."""
    return (size[0] + 1) // 2, (size[1] + 1) // 2


class ConvGenerator(Generator):
    """z → dense → three 5×5 deconvolutions of stride 2 → tanh → image in [−1, 1].

    Norm and ReLU follow all but the last layer, which has weight norm, trained gain and start std 0.1. Each
    deconvolution's output padding is chosen so that the last one meets the image's size; 32×32 images give 4, 8, 16.
    """

    def __init__(self, image_shape: tuple[int, int, int], z_dim: int, widths: Sequence[int], norm: NormFactory) -> None:
        channels, *size = image_shape
        half = halve(size)
        quarter = halve(half)
        eighth = halve(quarter)
        first, second, third = widths

        def up(fan_in: int, width: int, small: Sequence[int], large: Sequence[int]) -> nn.Module:
            return nn.ConvTranspose2d(fan_in, width, 5, 2, 2, _output_padding(small, large), bias=False)

        hidden = [
            nn.Sequential(
                nn.Linear(z_dim, first * eighth[0] * eighth[1], bias=False),
                norm(first * eighth[0] * eighth[1]),
                nn.ReLU(),
                nn.Unflatten(1, (first, *eighth)),
            ),
            nn.Sequential(up(first, second, eighth, quarter), norm(second), nn.ReLU()),
            nn.Sequential(up(second, third, quarter, half), norm(third), nn.ReLU()),
        ]
        last = WeightNormConvTranspose2d(third, channels, 5, 2, 2, _output_padding(half, size), init_std=0.1)
        super().__init__(z_dim, hidden, nn.Sequential(last, nn.Tanh()))


class ConvEncoder(Encoder):
    """Three 5×5 convolutions of stride 2, as wide as G's layers, the last first, with batch norm and ReLU → dense."""

    def __init__(self, image_shape: tuple[int, int, int], z_dim: int, widths: Sequence[int]) -> None:
        channels, *size = image_shape
        first, second, third = widths
        eighth = halve(halve(halve(size)))

        def down(fan_in: int, width: int) -> nn.Module:
            return nn.Sequential(nn.Conv2d(fan_in, width, 5, 2, 2, bias=False), BatchNorm(width), nn.ReLU())

        hidden = [down(channels, third), down(third, second), down(second, first), nn.Flatten()]
        super().__init__(hidden, first * eighth[0] * eighth[1], z_dim)


class ConvDiscriminator(Discriminator):
    """Nine convolutions in three blocks with leaky ReLUs, a global mean (or max) pool, and a dense layer.

    Each of the first two blocks ends in a stride of 2 and dropout, the third is a 3×3 convolution without padding and
    two 1×1 ones; ``f(x)`` is the pooled activation. The very first convolution has a stride of ``first_stride``.

    Raises:
        ConfigError: if the images are too small for the third block.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        num_classes: int,
        widths: Sequence[int],
        first_stride: int,
        pool: str,
        input_dropout: float,
        input_noise: float,
        hidden_dropout: float,
        drop_channels: str | None,
        heads: Mapping[str, nn.Module],
    ) -> None:
        channels, *size = image_shape
        first = halve(size if first_stride == 1 else halve(size))
        second = halve(first)
        if min(second) < 3:
            least, found = 8 * first_stride + 1, f"these have {size[0]}×{size[1]}"
            raise ConfigError(f"model=conv needs images of at least {least}×{least} pixels, {found}; choose model=mlp")
        a, b = widths

        def conv(fan_in: int, width: int, kernel: int, stride: int = 1, padding: int = 0) -> list[nn.Module]:
            return [WeightNormConv2d(fan_in, width, kernel, stride, padding), nn.LeakyReLU(0.2, inplace=True)]

        body = ChannelsLastSequential(
            *[GaussianNoise(image_shape, input_noise)] if input_noise else [],
            *dropout(image_shape, input_dropout, whole=drop_channels in ("input", "all")),
            *conv(channels, a, 3, first_stride, padding=1),
            *conv(a, a, 3, padding=1),
            *conv(a, a, 3, stride=2, padding=1),
            *dropout((a, *first), hidden_dropout, whole=drop_channels == "all"),
            *conv(a, b, 3, padding=1),
            *conv(b, b, 3, padding=1),
            *conv(b, b, 3, stride=2, padding=1),
            *dropout((b, *second), hidden_dropout, whole=drop_channels == "all"),
            *conv(b, b, 3),
            *conv(b, b, 1),
            *conv(b, b, 1),
            POOLS[pool](),
            nn.Flatten(),
        )
        super().__init__(body, b, num_classes, heads, init_std=0.1)


def _output_padding(small: Sequence[int], large: Sequence[int]) -> tuple[int, int]:
    """A 5×5 deconvolution with stride 2 and padding 2 gives 2·small − 1 pixels; what is missing is padded."""
    return large[0] - (2 * small[0] - 1), large[1] - (2 * small[1] - 1)
