"""Exported programs give what the model gives, and need no ssgan."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ssgan.errors import SSGANError
from ssgan.inference import exported
from ssgan.inference.trained import Prediction, TrainedModel
from tests.inference.models import random_images, untrained
from tests.runs import TRICKS, chosen

MODELS = {
    "mlp": ((1, 8, 8), ("optim.average.generator=true",)),
    "conv, all techniques": ((3, 12, 12), ("model=conv", *chosen(*TRICKS))),
}


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TrainedModel:
    shape, overrides = MODELS[request.param]
    return untrained(tmp_path_factory.mktemp("model"), shape, ("a", "b", "c"), *overrides)


def expected(model: TrainedModel, n: int) -> tuple[torch.Tensor, Prediction, torch.Tensor]:
    images = random_images(n, model.image_shape, seed=n)
    logits = model.module.classify(images)
    return logits, Prediction.from_logits(logits), images


def test_the_torch_program_gives_the_same_for_any_number_of_rows(model: TrainedModel, tmp_path: Path) -> None:
    classifier, generator = exported.programs(model)
    for program in (classifier, generator):
        file = exported.write_torch_export(program, tmp_path / f"{program.name}.pt2")
        assert file.difference is not None and file.difference <= 1e-5
    run = torch.export.load(tmp_path / "classifier.pt2").module()
    for n in (1, 3, 100):
        logits, prediction, images = expected(model, n)
        found = run(images)
        for value, wanted in zip(found, (logits, prediction.probabilities, prediction.realness), strict=True):
            torch.testing.assert_close(value, wanted, rtol=1e-5, atol=1e-5)
        (pictures,) = torch.export.load(tmp_path / "generator.pt2").module()(model.draw_z(n))
        torch.testing.assert_close(pictures.round().to(torch.uint8), model.sample(n), rtol=0, atol=1)


def test_onnx_gives_the_same_by_onnxruntime(model: TrainedModel, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("onnxscript", reason="the export extra is not installed")
    for program in exported.programs(model):
        exported.write_onnx(program, tmp_path / f"{program.name}.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "classifier.onnx", providers=["CPUExecutionProvider"])
    assert [output.name for output in session.get_outputs()] == ["logits", "probabilities", "realness"]
    for n in (1, 3, 100):
        logits, prediction, images = expected(model, n)
        found = session.run(None, {"images": images.numpy()})
        for value, wanted in zip(found, (logits, prediction.probabilities, prediction.realness), strict=True):
            torch.testing.assert_close(torch.as_tensor(value), wanted, rtol=1e-5, atol=1e-5)
    session = onnxruntime.InferenceSession(tmp_path / "generator.onnx", providers=["CPUExecutionProvider"])
    (pictures,) = session.run(["images"], {"z": model.draw_z(5).numpy()})
    torch.testing.assert_close(torch.as_tensor(pictures).round().to(torch.uint8), model.sample(5), rtol=0, atol=1)


def test_an_operation_that_onnx_lacks_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As weight norm's hypot would be, which is written otherwise in an export."""
    pytest.importorskip("onnxscript", reason="the export extra is not installed")
    (classifier,) = exported.programs(untrained(tmp_path / "model", (1, 8, 8)), generator=False)
    monkeypatch.setattr(torch.compiler, "is_exporting", lambda: False)
    with pytest.raises(SSGANError, match=r"^classifier\.onnx: ONNX cannot express the network: .*hypot") as error:
        exported.write_onnx(classifier, tmp_path / "out" / "classifier.onnx")
    assert str(error.value).endswith("; --formats pt2,state_dict leaves it out") and "\n" not in str(error.value)
    assert list((tmp_path / "out").iterdir()) == []


def test_programs_run_where_there_is_no_ssgan(tmp_path: Path) -> None:
    model = untrained(tmp_path / "model", (1, 8, 8))
    (classifier,) = exported.programs(model, generator=False)
    exported.write_torch_export(classifier, tmp_path / "classifier.pt2")
    logits, _, images = expected(model, 4)
    torch.save(images, tmp_path / "images.pt")
    script = """
import sys
sys.modules["ssgan"] = None
import torch
logits, probabilities, realness = torch.export.load("classifier.pt2").module()(torch.load("images.pt"))
torch.save(logits, "logits.pt")
"""
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
    torch.testing.assert_close(torch.load(tmp_path / "logits.pt"), logits, rtol=1e-5, atol=1e-5)


def test_plain_weights_rebuild_the_networks(model: TrainedModel, tmp_path: Path) -> None:
    exported.write_state_dict(model, tmp_path)
    weights = torch.load(tmp_path / "weights.pt", weights_only=True)
    described = json.loads((tmp_path / "model.json").read_text())
    assert described["classes"] == ["a", "b", "c"]
    assert described["model"]["_target_"].startswith("ssgan.networks.")
    logits, _, images = expected(model, 4)
    network = model.module.discriminator  # not the averaged one
    network.load_state_dict(weights["classifier"])
    torch.testing.assert_close(network(model.module.scale(images)).logits, logits)
    generated = model.sample(5)
    model.module.generator.load_state_dict(weights["generator"])
    model.module.generator_average = None  # what is in use is what was loaded
    model.__dict__.pop("generator", None)
    assert torch.equal(model.sample(5), generated)
    assert described["generator"]["z"].startswith(f"float32 [n, {model.module.generator.z_dim}]")
    exported.write_state_dict(model, tmp_path, generator=False)
    assert "generator" not in torch.load(tmp_path / "weights.pt", weights_only=True)
    assert "generator" not in json.loads((tmp_path / "model.json").read_text())


@pytest.mark.parametrize("what", ["program", "weights"])
def test_a_full_disk_is_one_line(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch's own writer would end the process."""
    model = untrained(tmp_path / "model", (1, 8, 8))
    (classifier,) = exported.programs(model, generator=False)

    def full(self: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match=r"No space left on device: .*out/[\w.]+'$"):
        if what == "program":
            exported.write_torch_export(classifier, tmp_path / "out" / "classifier.pt2")
        else:
            exported.write_state_dict(model, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_program_that_differs_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (classifier,) = exported.programs(untrained(tmp_path / "model", (1, 8, 8)), generator=False)
    real = torch.export.load

    class Wrong:
        def __init__(self, program: torch.export.ExportedProgram) -> None:
            self.program = program

        def module(self) -> object:
            run = self.program.module()
            return lambda rows: [value + 1e-3 for value in run(rows)]

    monkeypatch.setattr(torch.export, "load", lambda path: Wrong(real(path)))
    with pytest.raises(SSGANError, match="its logits differ from the model's by"):
        exported.write_torch_export(classifier, tmp_path / "out" / "classifier.pt2")
    assert list((tmp_path / "out").iterdir()) == []
