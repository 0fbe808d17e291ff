"""Features of images: the discriminator's, and Inception's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ssgan.errors import DataError
from ssgan.scoring.extractors import ClassifierExtractor, InceptionExtractor
from tests.inference.models import random_images, untrained


def test_a_classifiers_features_are_what_its_last_layer_takes(tmp_path: Path) -> None:
    model = untrained(tmp_path)
    images = random_images(7, (1, 8, 8))
    found = ClassifierExtractor(model)(images)
    classifier = model.module.average.network
    linear = classifier.classifier
    seen: list[torch.Tensor] = []
    handle = linear.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    with torch.no_grad():
        logits = classifier(model.module.scale(images))[0]
    handle.remove()
    assert torch.allclose(found.features, seen[0], atol=1e-6)
    assert torch.allclose(found.logits, logits, atol=1e-5) and found.logits.shape == (7, 3)


def test_images_do_not_depend_on_their_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = untrained(tmp_path)
    extractor = ClassifierExtractor(model)
    images = random_images(9, (1, 8, 8))
    whole = extractor(images)
    monkeypatch.setattr(type(model), "batch_size", 4)
    parts = extractor(images)
    assert torch.allclose(whole.features, parts.features, atol=1e-6)


def test_images_of_another_shape_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"takes images of shape \(1, 8, 8\), not \(3, 8, 8\)"):
        ClassifierExtractor(untrained(tmp_path))(random_images(3, (3, 8, 8)))


def test_inception_is_the_reference_network(tmp_path: Path) -> None:
    """Random weights in a file of the published form: the features are torch-fidelity's own, of grey images as RGB."""
    fidelity = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3", reason="the score extra is missing")
    reference = reference_network(fidelity, tmp_path / "weights.pth")
    extractor = InceptionExtractor(tmp_path / "weights.pth", torch.device("cpu"))
    images = random_images(3, (1, 8, 8))
    found = extractor(images)
    with torch.no_grad():
        features, logits = reference(images.expand(-1, 3, -1, -1))
    assert found.features.shape == (3, 2048) and found.logits.shape == (3, 1008)
    assert torch.equal(found.features, features) and torch.equal(found.logits, logits)


def reference_network(fidelity, weights: Path) -> torch.nn.Module:
    """torch-fidelity's network with random weights, which it also writes."""
    name, wanted = "inception-v3-compat", ["2048", "logits_unbiased"]
    with pytest.MonkeyPatch.context() as patch:
        state: dict[str, torch.Tensor] = {}
        patch.setattr(torch.nn.Module, "load_state_dict", lambda self, _: state.update(self.state_dict()))
        patch.setattr(fidelity, "load_state_dict_from_url", lambda *_, **__: {}, raising=False)
        patch.setattr(torch, "load", lambda *_, **__: {})
        network = fidelity.FeatureExtractorInceptionV3(name, wanted, str(weights))
    torch.save(state, weights)
    return network.eval()
