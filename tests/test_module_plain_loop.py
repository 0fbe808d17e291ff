"""A few iterations of the module against a loop written out by hand: gradients, Adam, average, augmented images."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback

from ssgan.objectives import discriminator_terms, generator_terms
from ssgan.steps import DiscriminatorBatch
from ssgan.tricks import TrickSet
from tests.runs import TINY, chosen, train


class Tape(Callback):
    """The networks at the start, and what each step was given: its images and its noise."""

    def on_train_start(self, trainer: Any, module: Any) -> None:
        self.generator, self.discriminator = copy.deepcopy((module.generator, module.discriminator))
        self.steps: list[tuple[str, tuple[torch.Tensor, ...]]] = []
        self.noise: list[Any] = []
        self.augmented: list[torch.Tensor] = []
        draw, augment = module.random.draw, module.random.augment
        d_step, g_step = module.discriminator_step, module.generator_step

        def kept_augmented(pixels: torch.Tensor, options: Any) -> torch.Tensor:
            self.augmented.append(augment(pixels, options))
            return self.augmented[-1]

        def kept_noise(function: Any) -> Any:
            self.noise.append(draw(function))
            return self.noise[-1]

        def kept_d(*images: torch.Tensor) -> Any:
            self.steps.append(("d", images))
            return d_step(*images)

        def kept_g(*images: torch.Tensor) -> Any:
            self.steps.append(("g", images))
            return g_step(*images)

        module.random.draw, module.random.augment = kept_noise, kept_augmented
        module.discriminator_step, module.generator_step = kept_d, kept_g

    def on_train_end(self, trainer: Any, module: Any) -> None:
        self.module = module


def adam(parameters: list[torch.Tensor], gradients: Any, state: dict[str, Any], lr: float, eps: float) -> None:
    """A step of Adam as it is published, with β₁ = 0.5 and β₂ = 0.999."""
    state["t"] = t = state.get("t", 0) + 1
    for i, (parameter, g) in enumerate(zip(parameters, gradients, strict=True)):
        m, v = state.get(i, (0.0, 0.0))
        m, v = 0.5 * m + 0.5 * g, 0.999 * v + 0.001 * g * g
        state[i] = m, v
        parameter.data -= lr * (m / (1 - 0.5**t)) / ((v / (1 - 0.999**t)).sqrt() + eps)


@pytest.mark.parametrize("tricks", [(), ("feature_matching",)], ids=["none", "feature_matching"])
def test_iterations_are_those_of_a_plain_loop(tricks: tuple[str, ...], tmp_path: Path) -> None:
    steps = ("objective.d_steps=2", "objective.g_steps=2", "optim.flat=1", "optim.average.warmup=false")
    options = (*steps, "optim.average.rate=0.1", "optim.eps=1e-3", "optim.lr=0.01", "data.augment.shift=1")
    tape = Tape()
    train(tmp_path, *TINY, *chosen(*tricks), *options, "trainer.max_iterations=3", callbacks=[tape])
    module, G, D = tape.module, tape.generator, tape.discriminator
    average = [p.detach().clone() for p in D.parameters()]
    used: dict[str, TrickSet] = {"tricks": module.tricks}
    states: dict[str, dict[str, Any]] = {"d": {}, "g": {}}
    noise, augmented = iter(tape.noise), iter(tape.augmented)
    scale = module.scale
    assert [player for player, _ in tape.steps] == ["d", "d", "g", "g"] * 3
    for i, (player, images) in enumerate(tape.steps):
        seen = [next(augmented) for _ in images if _.ndim > 1]  # all but the labels
        assert [x.shape for x in seen] == [x.shape for x in images if x.ndim > 1]
        assert all(not x.equal(given) for x, given in zip(seen, [x for x in images if x.ndim > 1], strict=True))
        if player == "d":
            batch = DiscriminatorBatch(scale(seen[0]), images[1], scale(seen[1]))
            terms = discriminator_terms(G, D, D, batch, next(noise), module.objective, **used)
            parameters = [p for p in D.parameters() if p.requires_grad]
        else:
            terms = generator_terms(G, D, module.companions, scale(seen[0]), next(noise), module.objective, **used)
            parameters = [p for p in G.parameters() if p.requires_grad]
        gradients = torch.autograd.grad(sum(terms.values()), parameters, allow_unused=True)
        given = [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, gradients, strict=True)]
        adam(parameters, given, states[player], lr=0.01, eps=1e-3)
        if i % 4 == 3:
            average = [a + 0.1 * (p.detach() - a) for a, p in zip(average, D.parameters(), strict=True)]
    assert next(noise, None) is None and next(augmented, None) is None
    for expected, found in ((D, module.discriminator), (G, module.generator)):
        for (name, one), other in zip(expected.named_parameters(), found.parameters(), strict=True):
            torch.testing.assert_close(other, one, rtol=2e-4, atol=2e-5, msg=lambda text, name=name: f"{name}: {text}")
    torch.testing.assert_close(list(module.average.network.parameters()), average, rtol=2e-4, atol=2e-5)
