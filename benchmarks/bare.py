"""The published recipes as a plain PyTorch loop, as one would write them without this project.

The same mathematics as ssgan's feature matching, by torch.nn's own layers; eager, and nothing logged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm


class Noise(nn.Module):
    """Adds N(0, std²)."""

    def __init__(self, std: float) -> None:
        super().__init__()
        self.std = std

    def forward(self, x: Tensor) -> Tensor:
        """The noisy input."""
        return x + torch.randn_like(x) * self.std


def mlp_players(shape: Sequence[int], z_dim: int, generator: Sequence[int], discriminator: Sequence[int], noise: float):
    """G, D up to its features, and D's last layer."""
    pixels = math.prod(shape)
    g: list[nn.Module] = []
    for a, b in zip([z_dim, *generator], generator, strict=False):
        g += [nn.Linear(a, b, bias=False), nn.BatchNorm1d(b), nn.Softplus()]
    g += [weight_norm(nn.Linear(generator[-1], pixels)), nn.Sigmoid(), nn.Unflatten(1, tuple(shape))]
    d: list[nn.Module] = [nn.Flatten(), Noise(noise)]
    for i, (a, b) in enumerate(zip([pixels, *discriminator], discriminator, strict=False)):
        d += [Noise(0.5)] if i else []
        d += [weight_norm(nn.Linear(a, b)), nn.ReLU()]
    last = nn.Sequential(Noise(0.5), weight_norm(nn.Linear(discriminator[-1], 10)))
    return nn.Sequential(*g), nn.Sequential(*d), last


def conv_players(shape: Sequence[int], z_dim: int, generator: Sequence[int], discriminator: Sequence[int]):
    """G, D up to its features, and D's last layer, for 32×32 images."""
    p, q, r = generator
    g = nn.Sequential(
        nn.Linear(z_dim, p * 16, bias=False), nn.BatchNorm1d(p * 16), nn.ReLU(), nn.Unflatten(1, (p, 4, 4)),
        nn.ConvTranspose2d(p, q, 5, 2, 2, 1, bias=False), nn.BatchNorm2d(q), nn.ReLU(),
        nn.ConvTranspose2d(q, r, 5, 2, 2, 1, bias=False), nn.BatchNorm2d(r), nn.ReLU(),
        weight_norm(nn.ConvTranspose2d(r, shape[0], 5, 2, 2, 1), dim=1), nn.Tanh(),
    )  # fmt: skip
    a, b = discriminator

    def conv(i: int, o: int, kernel: int, stride: int = 1, padding: int = 0) -> list[nn.Module]:
        return [weight_norm(nn.Conv2d(i, o, kernel, stride, padding)), nn.LeakyReLU(0.2)]

    d = nn.Sequential(
        nn.Dropout(0.2), *conv(shape[0], a, 3, 1, 1), *conv(a, a, 3, 1, 1), *conv(a, a, 3, 2, 1),
        nn.Dropout(0.5), *conv(a, b, 3, 1, 1), *conv(b, b, 3, 1, 1), *conv(b, b, 3, 2, 1),
        nn.Dropout(0.5), *conv(b, b, 3), *conv(b, b, 1), *conv(b, b, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
    )  # fmt: skip
    return g, d, weight_norm(nn.Linear(b, 10))


def bare_loop(
    players: tuple[nn.Module, nn.Module, nn.Module],
    images: Tensor,
    labels: Tensor,
    z_dim: int,
    scale: Callable[[Tensor], Tensor],
    lr: float,
    l1: bool,
) -> Callable[[], None]:
    """A function that does one iteration: a D step, a G step, the average of D's weights.

    Args:
        players: from :func:`mlp_players` or :func:`conv_players`, on the device.
        images: uint8, on the device.
        labels: of the first images, which are a batch.
        z_dim: the latent dimension.
        scale: between stored pixels and the networks' range.
        lr: Adam's.
        l1: match features by the mean absolute difference, else by the squared distance.
    """
    device, batch = images.device, len(labels)
    g, d, last = (part.to(device) for part in players)
    weights = [*d.parameters(), *last.parameters()]
    average = [w.detach().clone() for w in weights]
    d_adam = torch.optim.Adam(weights, lr=lr, betas=(0.5, 0.999))
    g_adam = torch.optim.Adam(g.parameters(), lr=lr, betas=(0.5, 0.999))
    order = torch.randperm(len(images), device=device)

    def take(at: int) -> Tensor:
        index = order[at % (len(images) - batch) :][:batch]
        return scale(images[index])

    at = 0

    def iteration() -> None:
        nonlocal at
        at += batch
        real, labelled, z = take(at), scale(images[:batch]), torch.rand(batch, z_dim, device=device)
        with torch.no_grad():
            fake = g(z)
        logits = last(d(labelled))
        s_real, s_fake = last(d(real)).logsumexp(1), last(d(fake)).logsumexp(1)
        loss = F.cross_entropy(logits, labels) + 0.5 * (F.softplus(-s_real).mean() + F.softplus(s_fake).mean())
        d_adam.zero_grad()
        loss.backward()
        d_adam.step()
        with torch.no_grad():
            for mean, w in zip(average, weights, strict=True):
                mean.lerp_(w, 1e-4)
        matched = d(take(at + 7 * batch)).mean(0).detach()
        difference = d(g(torch.rand(batch, z_dim, device=device))).mean(0) - matched
        g_loss = difference.abs().mean() if l1 else difference.square().mean()
        g_adam.zero_grad()
        g_loss.backward()
        g_adam.step()

    return iteration
