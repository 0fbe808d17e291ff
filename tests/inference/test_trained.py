"""A trained model: what a checkpoint becomes, what it predicts and generates, and checkpoints that are refused."""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import ssgan
from ssgan.errors import ConfigError, DataError
from ssgan.inference.trained import Prediction, TrainedModel, load
from tests.fake_data import write_arrays
from tests.inference.models import random_images, untrained
from tests.runs import QUIET, TINY, TRICKS, chosen, compose_run, last_checkpoint, train


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with everything that a checkpoint may have to hold."""
    run_dir = tmp_path_factory.mktemp("run")
    extra = ("optim.average.generator=true", "data.num_val=10", "trainer.eval_every=1")
    train(run_dir, *TINY, *chosen(*TRICKS), *extra, "trainer.max_iterations=3")
    return run_dir


@pytest.fixture(scope="module")
def model(run_dir: Path) -> TrainedModel:
    return load(run_dir, "cpu")


# --- predict ---------------------------------------------------------------------------------------------------------


def test_a_prediction_is_the_formula():
    logits = torch.tensor([[1.0, 2.0, -1.0], [-50.0, -40.0, -60.0], [60.0, 0.0, 0.0]])
    prediction = Prediction.from_logits(logits, ["a", "b", "c"])
    assert prediction.names == ["b", "b", "a"] and len(prediction) == 3
    for i, row in enumerate(logits.tolist()):
        exps = [math.exp(value) for value in row]
        assert prediction.probabilities[i].tolist() == pytest.approx([e / sum(exps) for e in exps], rel=1e-5)
        assert prediction.realness[i].item() == pytest.approx(sum(exps) / (1 + sum(exps)), rel=1e-5)


def test_the_classifier_is_the_one_that_was_tested(run_dir: Path, model: TrainedModel):
    data = model.images()
    errors = (model.predict(data.x_test).labels != data.y_test).sum().item()
    assert errors == json.loads((run_dir / "result.json").read_text())["test_errors"]


def test_loading_leaves_the_random_state_alone(run_dir: Path):
    before = torch.get_rng_state()
    load(run_dir, "cpu")
    assert torch.equal(torch.get_rng_state(), before)


def test_predictions_do_not_depend_on_the_batch(model: TrainedModel):
    pixels = random_images(7, model.image_shape)
    whole = model.logits(pixels)
    for batch_size in (1, 3, 7, 100):
        assert torch.allclose(model.logits(pixels, batch_size), whole, atol=1e-5)
    each = [p.probabilities for p in model.predict_each(pixels.split(3))]
    assert torch.allclose(torch.cat(each), whole.softmax(1), atol=1e-6)
    assert [len(p) for p in model.predict_each([pixels[:2], pixels[:0], pixels[2:]])] == [2, 0, 5]
    assert len(model.predict([])) == 0 and model.predict([]).probabilities.shape == (0, 10)


def test_images_as_people_have_them(model: TrainedModel, tmp_path: Path):
    pixels = random_images(3, model.image_shape)
    expected = model.predict(pixels)
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for path, image in zip(paths, pixels[:, 0].numpy(), strict=True):
        Image.fromarray(image).save(path)
    for images in (paths, pixels[:, 0].numpy(), [Image.open(path) for path in paths]):
        prediction = model.predict(images)
        assert torch.equal(prediction.probabilities, expected.probabilities) and prediction.names == expected.names
    assert model.predict(Image.open(paths[1])).labels.tolist() == expected.labels[1:2].tolist()
    with pytest.raises(DataError, match=r"uint8 of shape \(n, 1, 8, 8\)"):
        model.predict(pixels.float())


def test_large_images_come_in_smaller_batches(tmp_path: Path):
    assert untrained(tmp_path, (1, 8, 8)).batch_size == 1000
    assert untrained(tmp_path, (3, 64, 128)).batch_size == 125


# --- sample ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trick", ["none", "virtual_batch_norm"])
def test_samples_belong_to_the_seed(trick: str, tmp_path: Path):
    model = untrained(tmp_path, (1, 8, 8), ("a", "b"), f"trick={trick}")
    images = model.sample(20, seed=3)
    assert images.dtype == torch.uint8 and images.shape == (20, 1, 8, 8)
    assert (images[0] != images[1]).any() and (model.sample(20, seed=4) != images).any()
    for other in (model.sample(20, 3), model.sample(20, 3, batch_size=7), model.sample(30, 3)[:20]):
        assert (other.int() - images.int()).abs().max() <= 1, "but for rounding"
    assert (model.sample(1, 3).int() - images[:1].int()).abs().max() <= 1
    assert model.sample(0).shape == (0, 1, 8, 8)
    assert torch.equal(model.decode(model.draw_z(20, 3)), images)


def test_the_generators_average_is_used_if_there_is_one(model: TrainedModel):
    z = model.draw_z(4)
    average = model.module.generator_average
    assert average is not None
    with torch.no_grad():
        assert torch.equal(model.decode(z), model.module.scale.to_pixels(average.network(z)))
        assert not torch.equal(model.decode(z), model.module.scale.to_pixels(model.module.generator(z)))


def test_a_supervised_run_has_no_generator(tmp_path: Path):
    model = untrained(tmp_path, (1, 8, 8), ("a", "b"), "objective=supervised")
    assert len(model.predict(random_images(2, (1, 8, 8)))) == 2
    with pytest.raises(ConfigError, match="supervised run, it has no trained generator"):
        model.sample(3)


# --- data ------------------------------------------------------------------------------------------------------------


def test_data_that_has_been_moved_or_is_another_now(tmp_path: Path):
    write_arrays(tmp_path / "old.npz")
    train(tmp_path / "run", *TINY, "data=arrays", f"data.path={tmp_path / 'old.npz'}", "trainer.max_iterations=1",
          "model=mlp_small", "optim=digits")  # fmt: skip
    model = load(tmp_path / "run")
    (tmp_path / "old.npz").rename(tmp_path / "new.npz")
    with pytest.raises(DataError, match=r"no such file.* if the images have been moved, --data says where"):
        model.images()
    assert model.images(str(tmp_path / "new.npz")).shape == model.image_shape == (3, 16, 16)
    write_arrays(tmp_path / "old.npz", classes=[f"class {i}" for i in range(10)])
    with pytest.raises(DataError, match="other images or classes"):
        model.images()


# --- loading ---------------------------------------------------------------------------------------------------------


def test_a_model_by_its_folder_or_checkpoint_from_anywhere(
    run_dir: Path, model: TrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Nothing but the checkpoint is needed."""
    alone = tmp_path / "model.ckpt"
    alone.write_bytes((run_dir / "checkpoints" / "last.ckpt").read_bytes())
    monkeypatch.chdir(tmp_path)
    pixels = random_images(3, (1, 8, 8))
    for name in ("model.ckpt", run_dir, str(run_dir / "checkpoints" / "last.ckpt")):
        loaded = ssgan.load(name, device="cpu")
        assert torch.equal(loaded.logits(pixels), model.logits(pixels))
        assert loaded.classes == tuple("0123456789") and loaded.image_shape == (1, 8, 8)
    assert load(run_dir / "checkpoints" / "best.ckpt").classes == model.classes


def refused(run: Path, **options: Any) -> str:
    with pytest.raises(ConfigError) as error:
        load(run, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_what_is_not_there(run_dir: Path, tmp_path: Path):
    assert "there is no checkpoint" in refused(tmp_path / "nothing")
    assert "there is no checkpoint" in refused(tmp_path)
    assert "device=tpu9" in refused(run_dir, device="tpu9")


class Code:
    """Pickles to a call."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("place", ["ssgan", "state_dict", "config"])
def test_code_in_a_checkpoint_is_not_executed(place: str, run_dir: Path, tmp_path: Path):
    checkpoint = last_checkpoint(run_dir)
    parent = checkpoint["ssgan"] if place == "config" else checkpoint
    parent[place] = {**parent[place], "more": Code(tmp_path / "executed")}
    torch.save(checkpoint, tmp_path / "bad.ckpt")
    assert "bad.ckpt is not a whole checkpoint" in refused(tmp_path / "bad.ckpt")
    assert not (tmp_path / "executed").exists()
    torch.load(tmp_path / "bad.ckpt", weights_only=False)
    assert (tmp_path / "executed").exists(), "the file would have done it"


def test_a_technique_that_cannot_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "my_tricks.py").write_text(
        "from dataclasses import dataclass\nfrom ssgan.tricks import Trick\n\n\n"
        "@dataclass\nclass Spread(Trick):\n    weight: float = 0.8\n\n"
        "    def real_target(self):\n        return self.weight\n"
    )
    with monkeypatch.context() as patch:
        patch.syspath_prepend(str(tmp_path))
        train(tmp_path / "run", *TINY, "trick=none", "+trick.spread._target_=my_tricks.Spread",
              "trainer.max_iterations=1")  # fmt: skip
        assert load(tmp_path / "run").config.tricks.names == ["spread"]
        sys.modules.pop("my_tricks", None)
    line = refused(tmp_path / "run")
    assert "last.ckpt: trick.spread._target_=my_tricks.Spread cannot be imported: No module named" in line


@pytest.mark.parametrize("damage", ["missing part", "missing weights", "other shape", "unknown option"])
def test_a_checkpoint_of_another_version(damage: str, run_dir: Path, tmp_path: Path):
    checkpoint = last_checkpoint(run_dir)
    name = next(iter(checkpoint["state_dict"]))
    if damage == "missing part":
        del checkpoint["ssgan"]["classes"]
    elif damage == "missing weights":
        del checkpoint["state_dict"][name]
    elif damage == "other shape":
        checkpoint["state_dict"][name] = torch.zeros(7, 7, 7)
    else:
        checkpoint["ssgan"]["config"]["optim"]["momentum"] = 0.9
    torch.save(checkpoint, tmp_path / "old.ckpt")
    line = refused(tmp_path / "old.ckpt")
    expected = {"missing part": "classes", "unknown option": "momentum"}.get(damage, name)
    assert "old.ckpt" in line and expected in line


def test_a_folders_choice_of_resizing_is_kept(tmp_path: Path):
    config = compose_run(tmp_path, *QUIET, "data=folder", "data.path=x", "data.resize=squash", "model=mlp_small")
    model = untrained(tmp_path, (3, 8, 6))
    assert model.form == (3, 8, 6, "crop")
    model.config = config
    assert model.form == (3, 8, 6, "squash")
