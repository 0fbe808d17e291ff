"""A report of runs: who is better than whom, by how much, and how sure that is.

python -m ssgan.report multirun/2026-11-24/10-00-00
python -m ssgan.report RUN RUN ... --baseline feature_matching --out report
"""

from __future__ import annotations

from pathlib import Path

from ssgan.commands.flags import Parser, command
from ssgan.commands.output import output_folder


@command
def main() -> None:
    """Read the flags, write the report, print its tables."""
    parser = Parser("report", __doc__)
    parser.add_argument("runs", nargs="+", metavar="RUNS", help="folders of runs or of sweeps, or folders above them")
    parser.add_argument("--out", type=Path, help="where to write; default: report, inside RUNS if it is one folder")
    parser.add_argument("--baseline", help="the configuration to compare with; default: none, or else supervised")
    parser.add_argument("--title", help="of the page; default: the folder's name")
    arguments = parser.parse_args()

    from ssgan.reporting.groups import group
    from ssgan.reporting.report import write_report
    from ssgan.reporting.runs import find_runs
    from ssgan.reporting.terminal import show

    folders = [Path(run) for run in arguments.runs]
    runs, incomplete = find_runs(folders)
    sections = group(runs, arguments.baseline)
    out = output_folder(arguments.out, arguments.runs, "report")
    title = arguments.title or ", ".join(folder.resolve().name for folder in folders)
    files = write_report(out, title, sections, incomplete)
    show(sections, incomplete, files)


if __name__ == "__main__":
    main()
