"""The W&B workspace and report of a project, as wandb-workspaces describes them. Nothing here needs a server."""

from __future__ import annotations

from typing import Any

import wandb_workspaces.reports.v2.interface as wr
import wandb_workspaces.workspaces.interface as ws
from wandb_workspaces.expr import Config

from ssgan.resolvers import group_of

#: The x axis of every curve: iterations, as the loggers of Lightning name them.
ITERATION = "trainer/global_step"

#: What runs are grouped by: their techniques, as one word in the configuration (see ssgan.loggers.wandb_logger).
TECHNIQUES = wr.Config("techniques")


def curve(title: str, *metrics: str, log_y: bool = False) -> wr.LinePlot:
    """Metrics by iteration, mean and standard deviation over the runs of each choice of techniques."""
    return wr.LinePlot(
        title=title,
        x=ITERATION,
        y=list(metrics),
        log_y=log_y,
        groupby=TECHNIQUES,
        groupby_aggfunc="mean",
        groupby_rangefunc="stddev",
        max_runs_to_show=100,
    )


def error_bars() -> wr.BarPlot:
    """The final test error of each choice of techniques, mean and standard deviation over its runs."""
    return wr.BarPlot(
        title="Test error by techniques",
        metrics=["test/error"],
        groupby=TECHNIQUES,
        groupby_aggfunc="mean",
        groupby_rangefunc="stddev",
        max_runs_to_show=100,
        max_bars_to_show=50,
    )


def curves() -> list[Any]:
    """The learning curves."""
    return [curve("Test error", "test/error"), curve("Error on held-out labels", "val/error")]


def losses() -> list[Any]:
    """What both players minimise."""
    return [
        curve("Loss of D", "train/d_loss"),
        curve("Loss of G", "train/g_loss"),
        curve("D on labelled images", "train/d_labelled", log_y=True),
        curve("D on unlabelled and generated images", "train/d_unlabelled"),
    ]


def samples() -> wr.MediaBrowser:
    """Sample grids in the order in which they were drawn, one row for each run; their captions say the iteration."""
    return wr.MediaBrowser(title="Samples", media_keys=["samples"], mode="grid", grid_x_axis="step", grid_y_axis="run")


def speed() -> list[Any]:
    """Throughput and learning rate."""
    return [curve("Iterations per second", "train/iterations_per_second"), curve("Learning rate", "train/lr")]


def workspace(entity: str, project: str) -> ws.Workspace:
    """The project's workspace."""
    return ws.Workspace(
        entity=entity,
        project=project,
        name="ssgan: techniques",
        sections=[
            ws.Section(name="Error by techniques", panels=[error_bars()], is_open=True),
            ws.Section(name="Curves", panels=curves(), is_open=True),
            ws.Section(name="Losses", panels=losses(), is_open=True),
            ws.Section(name="Samples", panels=[samples()], is_open=True),
            ws.Section(name="Throughput", panels=speed()),
        ],
        settings=ws.WorkspaceSettings(x_axis=ITERATION, max_runs=100),
        runset_settings=ws.RunsetSettings(groupby=[Config("techniques")]),
    )


def ablation_report(entity: str, project: str, sweep: str | None = None) -> wr.Report:
    """A W&B Report of an ablation.

    Args:
        entity: user or team.
        project: name of the project.
        sweep: the sweep's folder, or the group of its runs, its last two parts; None: all runs of the project.
            Runs that have not finished are left out.
    """
    sweep = sweep and group_of(sweep)
    filters = " and ".join([*([f"Group = {sweep!r}"] if sweep else []), "State = 'finished'"])
    # Without an entity and project of its own a run set is the report's, and needs no server to be built.
    runs = wr.Runset(entity="", project="", name=sweep or "all runs", filters=filters, groupby=["config.techniques"])
    of = f" of {sweep}" if sweep else ""
    return wr.Report(
        entity=entity,
        project=project,
        title=f"Ablation{of}"[:128],
        description="Which techniques of Improved Techniques for Training GANs help, in errors on the test set.",
        width="fluid",
        blocks=[
            wr.TableOfContents(),
            wr.H1("Test error"),
            wr.P(
                "Each bar is the mean over labelled splits of the final weight average's test error, the whisker their"
                " sample standard deviation. Nothing was chosen by it. For paired differences with intervals:"
                " python -m ssgan.report on the sweep's folder."
            ),
            wr.PanelGrid(runsets=[runs], panels=[error_bars(), curve("Test error", "test/error")]),
            wr.H1("Losses"),
            wr.PanelGrid(runsets=[runs], panels=losses()),
            wr.H1("Samples"),
            wr.P("From the same noise at each evaluation."),
            wr.PanelGrid(runsets=[runs], panels=[samples()]),
            wr.H1("Throughput and settings"),
            wr.PanelGrid(runsets=[runs], panels=[*speed(), wr.RunComparer(diff_only="split")]),
        ],
    )
