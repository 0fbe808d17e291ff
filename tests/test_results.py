"""RESULTS.md says what the results kept in results/ say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf

from results import keep
from results.tables import COLUMNS, PAGE, filled, table
from ssgan.tricks import TrickSet
from tests.runs import REPOSITORY, compose_run

TABLES: Any = OmegaConf.to_container(OmegaConf.load(REPOSITORY / "results" / "tables.yaml"))
ROWS = [(name, i) for name, spec in TABLES.items() for i in range(len(spec["rows"]))]
IDS = [f"{name}-{TABLES[name]['rows'][i]['name']}" for name, i in ROWS]


#: Options that some kept runs spell otherwise: name, there, now.
RESPELT = {("drop_channels", "none", None)}


def lines_of(name: str) -> list[dict[str, str]]:
    """The rows of a table as they stand in RESULTS.md, by column."""
    text = re.search(rf"<!-- table {name} -->\n(.*?)\n<!-- end -->", PAGE.read_text(), re.DOTALL)
    assert text is not None, f"RESULTS.md has no table {name}"
    split = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text[1].splitlines()]
    return [dict(zip(COLUMNS, cells, strict=True)) for cells in split[2:]]


def kept(row: dict[str, Any], key: str = "runs") -> list[dict[str, Any]]:
    """The results of a row, read another way than the command reads them."""
    flat: list[dict[str, Any]] = []
    for file in (REPOSITORY / "results" / name for name in row.get(key, [])):
        if file.suffix == ".csv":
            frame = pd.read_csv(file).assign(data="mnist", num_labels=100, num_val=0, objective="semi_supervised")
            frame = frame[frame.configuration == row["configuration"]].assign(num_unlabelled=60000)
            flat += [{**r, "tricks": r["techniques"].split("+"), "versions": {"torch": r["torch"]}}
                     for r in frame.to_dict("records")]  # fmt: skip
        else:
            held = json.loads(file.read_text())
            flat += held if isinstance(held, list) else [held]
    objective = row.get("objective") if key == "runs" else "supervised"
    return [result for result in flat if not objective or result["objective"] == objective]


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", text.replace(",", ""))]


def test_the_page_is_what_the_command_writes():
    page = PAGE.read_text()
    assert filled(page) == page, "python -m results.tables"
    assert all(f"<!-- table {name} -->" in page for name in TABLES)


@pytest.mark.parametrize(("name", "i"), ROWS, ids=IDS)
def test_each_row_agrees_with_its_results(name: str, i: int):
    row, line = TABLES[name]["rows"][i], lines_of(name)[i]
    head = " ".join(PAGE.read_text().partition("<!-- table")[0].lower().replace("pytorch", "torch").split())
    results = kept(row)
    assert row["name"] in line[""] and row["command"] in line[""] and line["published"] == row["paper"]
    assert int(line["n"]) == len(results) == len({result["data_seed"] for result in results})
    if not results:
        assert line["ours"] == f"not run: {row['not_run']}"
        return
    errors = TABLES[name]["unit"] == "errors"
    values = np.array([r["test_errors"] if errors else 100 * r["test_errors"] / r["test_size"] for r in results])
    shown = numbers(line["ours"])
    assert shown[0] == pytest.approx(values.mean(), abs=0.051)
    assert len(shown) == (2 if len(values) > 1 else 1)
    if len(values) > 1:
        assert shown[1] == pytest.approx(values.std(ddof=1), abs=0.051)
    splits = dict(np.reshape(numbers(line["each split"].replace(":", " ")), (-1, 2)))
    for result, value in zip(results, values, strict=True):
        assert splits[result["data_seed"]] == pytest.approx(value, abs=0.051)
        processor, cores, *rest = result["hardware"].split(", ")
        assert f"{result['iterations']:,}" in line["steps"] and cores == "2 cores"
        words = ["Xeon" if "Xeon" in processor else "EPYC", *rest[:-1], rest[-1].replace("1 threads", "1 thread")]
        assert ", ".join(words) in line["hardware"].split("; ")
        for library, version in result["versions"].items():
            assert f"{library} {version}".lower() in head, "the page says so of all runs"
    assert numbers(line["seconds"])[0] == pytest.approx(np.median([r["seconds"] for r in results]), abs=1)
    baseline = kept(row, "baseline")
    if baseline:
        alone = [r["test_errors"] if errors else 100 * r["test_error"] for r in baseline]
        assert numbers(line["labels alone"])[0] == pytest.approx(np.mean(alone), abs=0.051)


def test_the_page_states_the_sizes_of_the_networks(tmp_path):
    runs = {
        "MNIST": ("experiment=mnist_100", (1, 28, 28)),
        "MNIST 1,538,770 and 694,568, with convolutions": ("experiment=mnist_100_conv", (1, 28, 28)),
        "and, of a first stride of two,": ("experiment=mnist_100_views", (1, 28, 28)),
        "SVHN": ("experiment=svhn_1000", (3, 32, 32)),
        "CIFAR-10": ("experiment=cifar10_4000", (3, 32, 32)),
        "digits": ("data=digits", (1, 8, 8)),
    }
    page = " ".join(PAGE.read_text().split())
    for name, (choice, shape) in runs.items():
        model, none = compose_run(tmp_path, choice).model, TrickSet({})
        players = model.build_discriminator(shape, 10, none, 100), model.build_generator(shape, none, 100)
        d, g = (sum(p.numel() for p in player.parameters()) for player in players)
        assert f"{name} {d:,} and {g:,}" in page


def assert_same_settings(kept: dict[str, Any], now: dict[str, Any]) -> None:
    """What a run was made with is what its row's command says, as far as both know of a setting; splits apart."""
    for section in ("data", "model", "objective", "optim", "trick"):
        old, new = kept.get(section, {}), now[section]
        if section == "optim" and old:
            rates = [o["average"]["rate"] / o.get("length", 1.0) for o in (old, new)]
            assert rates[0] == pytest.approx(rates[1])
        differ = set(differences(old, new))
        assert differ <= {"root", "path", "seed", "average.rate", "length", "epochs"}, (section, differ)


def differences(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    """Dotted names of the settings that both have, with different values."""
    for key in old.keys() & new.keys():
        if isinstance(old[key], dict) and isinstance(new[key], dict):
            yield from (f"{key}.{name}" for name in differences(old[key], new[key]))
        elif old[key] != new[key] and (key, old[key], new[key]) not in RESPELT:
            yield key


@pytest.mark.parametrize(("name", "i"), ROWS, ids=IDS)
def test_each_rows_command_composes_and_is_that_of_its_runs(name: str, i: int, tmp_path):
    row = TABLES[name]["rows"][i]
    config = compose_run(tmp_path, *row["command"].split())
    for result in kept(row):
        assert result["data"] == config.data.name and result["num_labels"] == config.data.num_labels
        assert result["num_val"] == 0 and (
            result["objective"] == "supervised" or result["tricks"] == config.tricks.names
        )
        assert_same_settings(result.get("config", {}), config.resolved)
        epoch = result["num_unlabelled"] // config.data.batch_size
        steps = config.trainer.max_iterations or config.trainer.max_epochs * epoch
        assert result["iterations"] == steps or config.data.name == "digits"


@pytest.mark.parametrize(("name", "i"), ROWS, ids=IDS)
def test_the_labels_alone_are_those_of_the_rows_network_and_data(name: str, i: int, tmp_path):
    row = TABLES[name]["rows"][i]
    options = row.get("baseline_options", "").split()
    config = compose_run(tmp_path, *row["command"].split(), "objective=supervised", *options)
    for result in kept(row, "baseline"):
        assert result["objective"] == "supervised" and result["num_labels"] == config.data.num_labels
        given = result.get("config", {})
        assert not set(differences(given.get("model", {}), config.resolved["model"]))
        assert given.get("optim", {}).get("clip_norm") == config.optim.clip_norm


def test_the_readmes_first_table_agrees_with_the_page():
    """Mean and deviation of ours, rounded to a decimal, stand in the README's row that names the same command."""
    text = (REPOSITORY / "README.md").read_text().split("labels alone | published |")[1].split("\n\n")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if "±" in line]
    lines = {line[""].split("`")[1]: line for name in TABLES for line in lines_of(name)}
    for what, ours, alone, _ in rows:
        command = re.search(r"`([a-z]\S*=.*?)`", what)
        line = lines[command[1].replace("trick=", "data=digits trick=") if command else "data=digits"]
        assert numbers(ours)[:2] == pytest.approx(numbers(line["ours"]), abs=0.051), what
        assert numbers(alone) == [] or numbers(alone)[0] == pytest.approx(numbers(line["labels alone"])[0], abs=0.051)
    assert len(rows) >= 5


def test_a_changed_result_changes_the_table(monkeypatch: pytest.MonkeyPatch):
    import results.tables

    load = results.tables.load

    def worse(*args, **wanted):
        return [{**result, "test_errors": result["test_errors"] + 1} for result in load(*args, **wanted)]

    before = table("mnist")
    monkeypatch.setattr(results.tables, "load", worse)
    assert table("mnist") != before


def test_what_is_kept_of_a_run_names_no_folder_of_the_machine(tmp_path):
    run, folder = tmp_path / "a_run", tmp_path / "kept"
    (run / "samples").mkdir(parents=True)
    (run / "samples" / "0000001.png").write_bytes(b"first")
    (run / "samples" / "0000002.png").write_bytes(b"last")
    (run / "metrics.csv").write_text("step,test/error\n")
    config = {"data": {"root": "/somewhere/images", "seed": 1}, "callbacks": {"dirpath": f"{run}/checkpoints"}}
    overrides = ["data.root=/somewhere/images", f"hydra.run.dir={run}", "seed=1"]
    (run / "result.json").write_text(json.dumps({"test_errors": 3, "overrides": overrides, "config": config}))
    keep.main(str(run), str(folder))
    result = json.loads((folder / "result.json").read_text())
    assert result["test_errors"] == 3 and result["overrides"] == ["seed=1"]
    assert result["config"] == {"data": {"root": None, "seed": 1}, "callbacks": {"dirpath": "./checkpoints"}}
    assert (folder / "samples.png").read_bytes() == b"last"
    assert (folder / "metrics.csv").read_text() == "step,test/error\n"


AGAIN, FIRST = [f"again_{split}" for split in range(1, 6)], [f"split_{split}" for split in range(6, 11)]


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        (FIRST, "splits 6 to 10 together {}, and"),
        (AGAIN, "those five together make {}, "),
        (AGAIN + FIRST, "**Ensemble of ten: reached** ({}),"),
    ],
    ids=["five", "five again", "ten"],
)
def test_an_ensemble_of_kept_probabilities_makes_the_errors_that_the_page_says(runs: list[str], said: str):
    """Restated without the project's own reading: the mean of the files' probabilities."""
    total, labels = 0.0, None
    for run in runs:
        folder = REPOSITORY / "results" / "mnist_100_best" / run
        with np.load(folder / "probabilities.npz") as file:
            probabilities, labels = file["probabilities"].astype(np.float64), file["labels"]
        own = int((probabilities.argmax(1) != labels).sum())
        assert own == json.loads((folder / "result.json").read_text())["test_errors"]
        total = total + probabilities
    errors = int((total.argmax(1) != labels).sum())
    assert said.format(errors) in PAGE.read_text().replace("\n  ", " ")
