"""A trained model as programs that need no ssgan: the networks with their preprocessing inside."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ssgan.atomic_write import atomic_write
from ssgan.errors import ConfigError, SSGANError
from ssgan.inference.trained import TrainedModel
from ssgan.losses import realness
from ssgan.training.average import in_use
from ssgan.version import __version__

#: How far an exported program's numbers may be from the model's, relative to their size if that is above 1.
TOLERANCE = 1e-5


class Classifier(nn.Module):
    """uint8 images ``[n, channels, height, width]`` → K logits, K probabilities, and D(x) ``[n]``."""

    def __init__(self, model: TrainedModel) -> None:
        super().__init__()
        self.scale = model.module.scale
        self.network = model.classifier

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Scale, classify."""
        logits = self.network(self.scale(images)).logits.float()
        return logits, logits.softmax(1), realness(logits)


class ImageGenerator(nn.Module):
    """z ``[n, z_dim]``, uniform in [0, 1) → images ``[n, channels, height, width]``, float32 from 0 to 255."""

    def __init__(self, model: TrainedModel) -> None:
        super().__init__()
        self.scale = model.module.scale
        self.network = model.generator

    def forward(self, z: Tensor) -> tuple[Tensor]:
        """Generate, undo the scaling."""
        images = self.network(z).float() * self.scale.divisor + self.scale.offset
        return (images.clamp(0, 255),)


@dataclass(frozen=True)
class Program:
    """What is exported: a network with its ``name``, and the names of its input and outputs.

    ``examples`` is an input of several rows, with which it is traced and checked.
    """

    name: str
    network: nn.Module
    input: str
    outputs: Sequence[str]
    examples: Tensor


@dataclass(frozen=True)
class ExportedFile:
    """A file, and how far its numbers are from the model's (None for weights, which are the model's)."""

    path: Path
    difference: float | None


def programs(model: TrainedModel, generator: bool = True) -> list[Program]:
    """The classifier and, unless the run trained none or it is not wanted, the generator; on the CPU."""
    rng = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (7, *model.image_shape), dtype=torch.uint8, generator=rng)
    found = [Program("classifier", Classifier(model).eval(), "images", ("logits", "probabilities", "realness"), images)]
    if generator and model.config.objective.g_steps:
        found.append(Program("generator", ImageGenerator(model).eval(), "z", ("images",), model.draw_z(7)))
    return found


def write_torch_export(program: Program, path: Path) -> ExportedFile:
    """A ``torch.export`` program, for any number of rows; ``torch.export.load(path).module()`` runs it."""
    with quietly():
        exported = torch.export.export(program.network, (program.examples,), dynamic_shapes=_shapes(program))
        with atomic_write(path) as aside:
            aside.write_bytes(_saved(torch.export.save, exported))
            run = torch.export.load(aside).module()
            difference = _check(program, lambda rows: list(run(rows)), path)
    return ExportedFile(path, difference)


def write_onnx(program: Program, path: Path) -> ExportedFile:
    """An ONNX model in one file, for any number of rows.

    It is compared by onnxruntime if that is installed, or else by ONNX's slow reference.

    Raises:
        ConfigError: the extra with onnx and onnxscript is not installed.
        SSGANError: the network, one of the user's own, has an operation that ONNX has not.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ConfigError("ONNX needs onnx and onnxscript: pip install 'ssgan[export]'") from error
    with quietly(), atomic_write(path) as aside:
        try:
            torch.onnx.export(
                program.network,
                (program.examples,),
                str(aside),
                dynamo=True,
                external_data=False,
                input_names=[program.input],
                output_names=list(program.outputs),
                dynamic_shapes=_shapes(program),
                verbose=False,
            )
        except torch.onnx.OnnxExporterError as error:
            cause: BaseException = error
            while cause.__cause__ is not None:
                cause = cause.__cause__
            said = " ".join(str(cause).partition("\n")[0].split())
            raise SSGANError(
                f"{path.name}: ONNX cannot express the network: {said}; --formats pt2,state_dict leaves it out"
            ) from error
        onnx.checker.check_model(onnx.load(aside))
        difference = _check(program, lambda rows: _run_onnx(aside, program.input, rows), path)
    return ExportedFile(path, difference)


def _run_onnx(path: Path, name: str, rows: Tensor) -> list[Tensor]:
    try:
        import onnxruntime
    except ImportError:
        from onnx.reference import ReferenceEvaluator

        outputs: Any = ReferenceEvaluator(str(path)).run(None, {name: rows.numpy()})
    else:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        outputs = session.run(None, {name: rows.numpy()})
    return [torch.as_tensor(output) for output in outputs]


def write_state_dict(model: TrainedModel, folder: Path, generator: bool = True) -> list[ExportedFile]:
    """``weights.pt``, plain tensors by name, and ``model.json``, which says what they belong to."""
    weights = {"classifier": model.classifier.state_dict()}
    generator = generator and model.config.objective.g_steps > 0
    if generator:
        weights["generator"] = in_use(model.module.generator, model.module.generator_average).state_dict()
    with atomic_write(folder / "weights.pt") as aside:
        tensors = {name: {key: value.cpu() for key, value in part.items()} for name, part in weights.items()}
        aside.write_bytes(_saved(torch.save, tensors))
    with atomic_write(folder / "model.json") as aside:
        aside.write_text(json.dumps(describe(model, generator), indent=2) + "\n")
    return [ExportedFile(folder / name, None) for name in ("weights.pt", "model.json")]


def _saved(save: Callable[[Any, io.BytesIO], None], what: Any) -> bytes:
    """What a function of PyTorch would write to a file; of a full disk it would end the process."""
    buffer = io.BytesIO()
    save(what, buffer)
    return buffer.getvalue()


def describe(model: TrainedModel, generator: bool) -> dict[str, Any]:
    """What a user of the exported files has to know, as plain values; ``generator``: whether that is among them."""
    channels, height, width = model.image_shape
    scale = model.module.scale
    z = f"float32 [n, {model.module.generator.z_dim}], uniform in [0, 1)"
    return {
        "classes": list(model.classes),
        "input": {
            "images": f"uint8 [n, {channels}, {height}, {width}], already of this size; programs scale them themselves",
            "scaling": f"(pixel - {scale.offset}) / {scale.divisor}",
            "resize": model.form.resize,
            "read as": "RGB or grey, EXIF orientation applied, transparency on white; JPEGs by Image.draft(None, (2 *"
            " width, 2 * height)); then crop: ImageOps.fit, squash: Image.resize, both bicubic",
        },
        "outputs": {
            "logits": f"float32 [n, {len(model.classes)}]",
            "probabilities": "softmax(logits)",
            "realness": "D(x) = sigmoid(logsumexp(logits))",
        },
        **({"generator": {"z": z, "images": "0 to 255"}} if generator else {}),
        "model": model.config.resolved["model"],
        "trick": model.config.resolved.get("trick") or {},
        "versions": {"ssgan": __version__, "torch": torch.__version__},
    }


def _shapes(program: Program) -> tuple[dict[int, Any]]:
    return ({0: torch.export.Dim("n")},)


def _check(program: Program, run: Callable[[Tensor], list[Tensor]], path: Path) -> float:
    """The largest difference to the model's outputs, for several rows and for one.

    Raises:
        SSGANError: it is larger than :data:`TOLERANCE`.
    """
    worst = 0.0
    for rows in (program.examples, program.examples[:1]):
        with torch.no_grad():
            wanted = program.network(rows)
        for name, value, expected in zip(program.outputs, run(rows), wanted, strict=True):
            scale = 255.0 if name == "images" else max(1.0, float(expected.abs().max()))
            difference = float((value - expected).abs().max()) / scale
            if not difference <= TOLERANCE:
                raise SSGANError(f"{path.name}: its {name} differ from the model's by {difference:.1e}; not written")
            worst = max(worst, difference)
    return worst


@contextmanager
def quietly() -> Iterator[None]:
    """Leave out the exporters' advice; their errors stay errors."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
