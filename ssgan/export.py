"""Write a trained model as programs that run without ssgan.

python -m ssgan.export RUN                    # into RUN/export
python -m ssgan.export RUN --formats onnx     # ONNX alone; needs pip install 'ssgan[export]'

classifier.pt2 and classifier.onnx take uint8 images [n, channels, height, width] of the model's size, scale them, and
give logits, probabilities and realness (D(x)); generator.pt2 and generator.onnx take z, uniform in [0, 1), and give
images from 0 to 255. weights.pt has the plain weights, model.json the classes, the input and the model's configuration.
Each program is run and compared with the model before it is kept.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from ssgan.commands.flags import Parser, command
from ssgan.commands.output import output_folder
from ssgan.errors import ConfigError

if TYPE_CHECKING:
    from ssgan.inference.exported import ExportedFile

#: What can be written, in the order in which it is.
FORMATS = ("pt2", "onnx", "state_dict")


@command
def main() -> None:
    """Read the flags, export, name each file as it is written."""
    parser = Parser("export", __doc__)
    parser.add_argument("run", metavar="RUN", help="a run's folder, or a checkpoint")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: export, inside RUN if it is a folder")
    parser.add_argument(
        "--formats", default=None, metavar="F,F", help=f"of {', '.join(FORMATS)}; default: all that are installed"
    )
    parser.add_argument("--classifier-only", action="store_true", help="leave the generator out")
    arguments = parser.parse_args()
    formats = _formats(arguments.formats)
    folder = output_folder(arguments.out, [arguments.run], "export")

    from ssgan.inference import exported
    from ssgan.inference.trained import load

    model = load(arguments.run, "cpu")
    for program in exported.programs(model, generator=not arguments.classifier_only):
        if "pt2" in formats:
            _tell(exported.write_torch_export(program, folder / f"{program.name}.pt2"))
        if "onnx" in formats:
            _tell(exported.write_onnx(program, folder / f"{program.name}.onnx"))
    if "state_dict" in formats:
        for file in exported.write_state_dict(model, folder, generator=not arguments.classifier_only):
            _tell(file)


def _tell(file: ExportedFile) -> None:
    """Print what has been written."""
    checked = "" if file.difference is None else f"  differs from the model by {file.difference:.0e}"
    print(f"{file.path}  {file.path.stat().st_size / 1e3:,.0f} kB{checked}", flush=True)


def _formats(given: str | None) -> list[str]:
    """The formats asked for, or all that can be written here."""
    if given is None:
        missing = [name for name in ("onnx", "onnxscript") if importlib.util.find_spec(name) is None]
        if missing:
            print("without ONNX, which needs pip install 'ssgan[export]'")
        return [name for name in FORMATS if name != "onnx" or not missing]
    chosen = [name.strip() for name in given.split(",")]
    for name in chosen:
        if name not in FORMATS:
            raise ConfigError(f"--formats={given}: '{name}' is none of {', '.join(FORMATS)}")
    return chosen


if __name__ == "__main__":
    main()
