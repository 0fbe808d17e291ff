"""Nearest neighbours against all distances, one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ssgan.inference import neighbours
from ssgan.inference.neighbours import nearest
from tests.inference.models import random_images


@pytest.mark.parametrize("chunk", [3, 10, 1000])
@pytest.mark.parametrize("k", [1, 4, 25])
def test_against_all_distances(k: int, chunk: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(neighbours, "_CHUNK", chunk)
    images, among = random_images(6, (3, 4, 5)), random_images(25, (3, 4, 5), seed=1)
    found = nearest(images, among, k)
    for i, image in enumerate(images.numpy().astype(float)):
        distances = [float(np.linalg.norm((image - other) / 255)) for other in among.numpy().astype(float)]
        order = sorted(range(25), key=lambda j: distances[j])[:k]
        assert found.indices[i].tolist() == order
        assert found.distances[i].tolist() == pytest.approx([distances[j] for j in order], rel=1e-12)


def test_what_is_in_the_set_is_at_distance_0_and_equals_come_in_order(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(neighbours, "_CHUNK", 4)
    among = random_images(10, (3, 32, 32))
    among[7] = among[5] = among[2]
    found = nearest(among[2:3], among, 3)
    assert found.indices.tolist() == [[2, 5, 7]] and found.distances.tolist() == [[0, 0, 0]]


def test_one_grey_level_counts_even_in_large_images():
    """In float32 the squares of 3·64·64 values would swallow it."""
    image = torch.full((1, 3, 64, 64), 255, dtype=torch.uint8)
    among = torch.cat([image, image])
    among[0, 0, 0, 0] = 254
    found = nearest(image, among, 2)
    assert found.indices.tolist() == [[1, 0]] and found.distances[0].tolist() == pytest.approx([0, 1 / 255])


@pytest.mark.parametrize("k", [0, 3])
def test_more_than_there_are(k: int):
    with pytest.raises(ValueError, match=f"k={k}"):
        nearest(random_images(1, (1, 2, 2)), random_images(2, (1, 2, 2)), k)
