"""Build the project's Weights & Biases workspace, and a W&B Report of an ablation.

python -m ssgan.dashboard                                     # the workspace
python -m ssgan.dashboard --report 2026-11-24/10-00-00        # a report of that sweep (its W&B group)
python -m ssgan.dashboard --entity me --dry-run spec.json     # built and written down, not saved
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ssgan.atomic_write import atomic_write
from ssgan.commands.flags import Parser, command
from ssgan.errors import ConfigError, SSGANError


@command
def main() -> None:
    """Read the flags; build; save, or write down."""
    parser = Parser("dashboard", __doc__)
    parser.add_argument(
        "--project",
        default=os.environ.get("WANDB_PROJECT") or "ssgan",
        help="W&B project (default: WANDB_PROJECT's, or ssgan)",
    )
    parser.add_argument("--entity", help="user or team; default: yours")
    parser.add_argument(
        "--report", nargs="?", const="", metavar="SWEEP", help="a report of a sweep's folder, or of the whole project"
    )
    parser.add_argument(
        "--dry-run", type=Path, metavar="FILE", help="write the JSON that W&B would get; no account needed"
    )
    arguments = parser.parse_args()

    try:
        import wandb_workspaces  # noqa: F401
    except ImportError as error:
        raise ConfigError("ssgan.dashboard needs wandb-workspaces: pip install 'ssgan[dashboard]'") from error
    from ssgan.loggers.wandb_panels import ablation_report, workspace

    entity = arguments.entity or (arguments.dry_run and "entity") or default_entity()
    view: Any
    if arguments.report is None:
        view = workspace(entity, arguments.project)
    else:
        view = ablation_report(entity, arguments.project, arguments.report or None)
    if arguments.dry_run:
        specification = json.loads(view._to_model().model_dump_json(by_alias=True, exclude_none=True))
        with atomic_write(arguments.dry_run) as aside:
            aside.write_text(json.dumps(specification, indent=2) + "\n")
        print(f"written: {arguments.dry_run}")
        return
    if arguments.entity:
        default_entity()  # says so if nobody is logged in
    with _one_line("W&B did not save it"):
        view.save()
    print(f"saved: {view.url}")


def default_entity() -> str:
    """The logged-in user's default entity.

    Raises:
        ConfigError: nobody is logged in, or the account has none.
        SSGANError: W&B does not take the key, or is not there.
    """
    import wandb

    with _one_line("W&B"):
        if not wandb.login(prompt=False, verify=False):
            raise ConfigError(
                "nobody is logged in to W&B: run `wandb login`, or see --dry-run FILE, which needs no account"
            )
        entity = os.environ.get("WANDB_ENTITY") or wandb.Api().default_entity  # as runs do
    if not entity:
        raise ConfigError("the W&B account has no default entity: name one, --entity TEAM")
    return str(entity)


@contextmanager
def _one_line(what: str) -> Iterator[None]:
    """Make one line of whatever the client of the server raises."""
    try:
        yield
    except SSGANError:
        raise
    except Exception as error:
        raise SSGANError(f"{what}: {str(error).splitlines()[0] if str(error) else error!r}") from error


if __name__ == "__main__":
    main()
