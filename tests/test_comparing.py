"""Which differences between two configurations matter."""

from __future__ import annotations

from typing import Any

from ssgan.comparing import FREE, differences, fixed, mattering

CONFIG: dict[str, Any] = {
    "seed": 1,
    "data": {"num_labels": 30, "root": "/here", "rootless": 2, "path": None},
    "trick": {"feature_matching": {"norm": "l2"}},
    "optim": {"lr": 0.003},
    "callbacks": {
        "samples": {"_target_": "ssgan.callbacks.SampleGrid", "rows": 8},
        "rates": {"_target_": "lightning.pytorch.callbacks.LearningRateMonitor"},
        "early": {"_target_": "lightning.pytorch.callbacks.EarlyStopping", "patience": 3},
    },
    "logger": {"csv": {"_target_": "ssgan.loggers.csv_logger.CSVLogger"}},
}


def test_options_differ_by_their_dotted_names_and_absent_ones_are_none() -> None:
    other = CONFIG | {"seed": 2, "trick": {"none": {}}, "data": {"num_labels": 40}}
    assert list(differences(CONFIG, CONFIG)) == []
    assert list(differences({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}, "d": 3})) == [("a.c", None, 2), ("d", None, 3)]
    found = {name: (before, now) for name, before, now in differences(CONFIG, other, ["data.root", "trick"])}
    assert found == {"seed": (1, 2), "data.num_labels": (30, 40), "data.rootless": (2, None)}


def test_what_only_says_where_a_run_looks_or_what_it_shows_does_not_matter() -> None:
    early = "lightning.pytorch.callbacks.EarlyStopping"
    assert mattering(CONFIG) == {
        "seed": "1",
        "data.num_labels": "30",
        "data.rootless": "2",
        "trick.feature_matching.norm": "l2",
        "optim.lr": "0.003",
        "callbacks.early._target_": early,
        "callbacks.early.patience": "3",
    }


def test_a_resumed_run_may_be_longer_and_lie_elsewhere_and_must_be_the_same_model_on_the_same_data() -> None:
    longer = CONFIG | {"optim": {"lr": 0.001}, "logger": {}, "data": CONFIG["data"] | {"root": "/there"}}
    assert list(differences(fixed(CONFIG), fixed(longer), FREE)) == []
    averaged = CONFIG | {"optim": {"average": {"generator": True}}, "trainer": {"iterations_per_batch": 10}}
    assert list(differences(fixed(CONFIG), fixed(averaged), FREE)) == [
        ("optim.average.generator", False, True),
        ("trainer.iterations_per_batch", 1, 10),
    ]
