"""The W&B workspace and report draw what runs log, and are built without a server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.runs import TINY_MLP, train
from tests.wandb_records import of_kind, values

pytest.importorskip("wandb_workspaces", reason="wandb-workspaces is not installed")
from ssgan.loggers.wandb_panels import ablation_report, curve, error_bars, workspace

pytestmark = [pytest.mark.filterwarnings("ignore:Pydantic V1 style"), pytest.mark.usefixtures("no_server")]


def strings(view: Any) -> set[str]:
    """Every string in what W&B would get, those of JSON inside strings too."""
    return _strings(json.loads(view._to_model().model_dump_json(by_alias=True, exclude_none=True)))


def _strings(node: Any) -> set[str]:
    if isinstance(node, dict):
        return {text for key, value in node.items() for text in {key} | _strings(value)}
    if isinstance(node, list):
        return {text for value in node for text in _strings(value)}
    if isinstance(node, str):
        return _strings(json.loads(node)) | {node} if node.startswith("{") else {node}
    return set()


def test_the_workspace_draws_what_a_run_logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_SILENT", "true")
    options = ("debug=fast", "trainer=cpu", "logger=wandb", "wandb.mode=offline", *TINY_MLP, "data.num_val=50")
    callbacks = ("callbacks=[samples,throughput]", "callbacks.throughput.every=5", "callbacks.samples.every=10")
    train(tmp_path / "run", *options, *callbacks)
    logged = {key for record in of_kind(tmp_path / "run", "history") for key in values(record.item)}
    logged = {key.split("/_type")[0] for key in logged} | {key.split("/")[0] for key in logged}

    drawn = strings(workspace("me", "ssgan"))
    metrics = {text for text in drawn if text.split("/")[0] in ("train", "test", "val", "trainer")}
    assert metrics == {
        "trainer/global_step",
        "test/error",
        "val/error",
        "train/d_loss",
        "train/g_loss",
        "train/d_labelled",
        "train/d_unlabelled",
        "train/lr",
        "train/iterations_per_second",
    }
    assert metrics <= logged
    assert "samples" in drawn and "samples" in logged
    config = values(of_kind(tmp_path / "run", "config")[0].update)
    assert any("techniques" in text for text in drawn) and "techniques" in config


@pytest.mark.parametrize("sweep", ["2026-01-02/03-04-05", "multirun/2026-01-02/03-04-05", "/x/2026-01-02/03-04-05/"])
def test_a_report_is_of_the_finished_runs_of_the_sweep_s_group(
    sweep: str,
) -> None:
    drawn = strings(ablation_report("me", "ssgan", sweep))
    assert {"2026-01-02/03-04-05", "finished", "test/error", "samples"} <= drawn


def test_without_a_sweep_a_report_is_of_all_finished_runs() -> None:
    drawn = strings(ablation_report("me", "ssgan"))
    assert {"finished", "all runs", "Ablation"} <= drawn and "Group" not in drawn


def test_a_title_is_no_longer_than_wandb_takes() -> None:
    report = ablation_report("me", "ssgan", f"multirun/{'x' * 200}/y")
    assert len(report.title) == 128 and report.title.startswith("Ablation of xxx")


def test_runs_are_averaged_over_the_same_techniques() -> None:
    """In the curves and in the bars: the mean, and the standard deviation as a band."""
    for panel in (curve("a", "test/error"), error_bars()):
        assert (panel.groupby_aggfunc, panel.groupby_rangefunc) == ("mean", "stddev")
        assert panel.groupby.name == "techniques"
