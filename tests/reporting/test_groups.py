"""Only what is comparable is compared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ssgan.errors import ConfigError
from ssgan.reporting.groups import MOST_NAMED, Section, group, short_name
from ssgan.reporting.runs import find_runs
from tests.reporting.fake_runs import write_run


def sections(folder: Path, baseline: str | None = None) -> list[Section]:
    return group(find_runs([folder])[0], baseline)


def write_trial(folder: Path, test: float, val: float, seed: int = 1, **changes: float) -> None:
    path = write_run(folder, test, ("feature_matching",), seed, **changes) / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"val_error": val}))


def test_trials_of_a_search_are_one_section_in_the_order_of_their_held_out_errors(tmp_path: Path) -> None:
    """And not of the test errors, by which nobody chooses."""
    for name, lr, weight, test, val in (
        ("a", 0.0012946776, 0.5, 0.10, 0.30), ("b", 0.2, 1.0, 0.30, 0.10), ("c", 0.3, 1.0, 0.20, 0.20)
    ):  # fmt: skip
        write_trial(tmp_path / name, test, val, optim__lr=lr, objective__unlabelled_weight=weight)
    (section,) = sections(tmp_path)
    assert section.searched == ("objective.unlabelled_weight", "optim.lr")
    assert not set(section.searched) & set(section.settings)
    assert section.title == "digits, 30 labels, feature_matching"
    assert [(c.name, c.val_error) for c in section.configurations] == [
        ("objective.unlabelled_weight=1.0, optim.lr=0.2", 0.10),
        ("objective.unlabelled_weight=1.0, optim.lr=0.3", 0.20),
        ("objective.unlabelled_weight=0.5, optim.lr=0.001295", 0.30),
    ]


def test_data_sets_are_not_settings_of_a_search_and_what_was_searched_is_not_what_tells_apart(tmp_path: Path) -> None:
    for place in ("a", "b"):
        for lr in (0.1, 0.2):
            write_run(tmp_path / f"{place}{lr}", lr, optim__lr=lr, data__path=place)
    found = sections(tmp_path)
    assert [section.searched for section in found] == [("optim.lr",)] * 2
    assert [section.differs_by for section in found] == [{"data.path": "a"}, {"data.path": "b"}]


def test_sampled_numbers_that_four_digits_do_not_tell_apart_are_in_full(tmp_path: Path) -> None:
    for name, lr in (("a", 0.00123456), ("b", 0.00123457)):
        write_run(tmp_path / name, 0.1, optim__lr=lr)
    (section,) = sections(tmp_path)
    assert [c.name for c in section.configurations] == ["optim.lr=0.00123456", "optim.lr=0.00123457"]


def test_a_grid_over_settings_and_a_technique_s_option_is_one_section(tmp_path: Path) -> None:
    for lr in (0.1, 0.2):
        for weight in (1.0, 2.0):
            for seed in (1, 2):
                options = {"pull_away": {"weight": weight}}
                folder = tmp_path / f"{lr}-{weight}-{seed}"
                write_run(folder, lr * weight, ("pull_away",), seed, options=options, optim__lr=lr)
    (section,) = sections(tmp_path)
    assert [(c.name, c.spread.n) for c in section.configurations] == [
        ("optim.lr=0.1, trick.pull_away.weight=1.0", 2),
        ("optim.lr=0.1, trick.pull_away.weight=2.0", 2),
        ("optim.lr=0.2, trick.pull_away.weight=1.0", 2),
        ("optim.lr=0.2, trick.pull_away.weight=2.0", 2),
    ]


def test_settings_that_differ_stay_apart_where_techniques_differ_too_or_numbers_of_labels(tmp_path: Path) -> None:
    for lr in (0.1, 0.2):
        write_run(tmp_path / f"n{lr}", 0.1, (), optim__lr=lr)
        write_run(tmp_path / f"f{lr}", 0.1, ("feature_matching",), optim__lr=lr)
    write_run(tmp_path / "l1", 0.1, (), data__num_labels=50)
    write_run(tmp_path / "l2", 0.1, (), data__num_labels=100)
    found = sections(tmp_path)
    assert [len(section.configurations) for section in found] == [2, 2, 1, 1]
    assert not any(section.searched for section in found)


def test_runs_that_differ_in_more_than_a_name_can_say_stay_apart(tmp_path: Path) -> None:
    many = {f"optim__x{i}": 0.1 for i in range(MOST_NAMED + 1)}
    write_run(tmp_path / "a", 0.1)
    write_run(tmp_path / "b", 0.1, **many)
    assert len(sections(tmp_path)) == 2


def test_runs_that_differ_in_techniques_and_seeds_alone_are_one_section(tmp_path: Path) -> None:
    for seed in (1, 2, 3):
        write_run(tmp_path / f"n{seed}", 0.1 * seed, (), seed)
        write_run(tmp_path / f"f{seed}", 0.1 * seed - 0.02 * seed, ("feature_matching",), seed)
    (section,) = sections(tmp_path)
    assert [c.name for c in section.configurations] == ["feature_matching", "none"]
    best, none = section.configurations
    assert section.baseline == "none" and none.difference is None
    assert best.errors == {(1, 1): 0.08, (2, 2): pytest.approx(0.16), (3, 3): pytest.approx(0.24)}
    assert best.difference is not None
    assert (best.difference.n, best.difference.mean) == (3, pytest.approx(-0.04))
    assert (best.median("seconds"), best.median("iterations_per_second")) == (4.0, 20.0)


@pytest.mark.parametrize(
    ("change", "value"), [("optim__lr", 0.1), ("data__num_labels", 50), ("objective__unlabelled_weight", 2.0)]
)
def test_anything_else_sets_runs_apart_and_is_named(tmp_path: Path, change: str, value: float) -> None:
    write_run(tmp_path / "a", 0.1)
    write_run(tmp_path / "b", 0.1, ("feature_matching",), **{change: value})
    found = sections(tmp_path)
    key = change.replace("__", ".")
    assert len(found) == 2
    assert {section.differs_by[key] for section in found} == {str(section.settings[key]) for section in found}
    assert all(list(section.differs_by) == [key] for section in found)
    assert all(c.difference is None for section in found for c in section.configurations)


def test_options_of_a_technique_make_two_configurations_with_the_option_in_their_names(tmp_path: Path) -> None:
    for weight in (1.0, 0.1):
        options = {"historical_averaging": {"weight": weight, "other": 3}}
        write_run(tmp_path / f"w{weight}", weight / 10, ("historical_averaging",), options=options)
    (section,) = sections(tmp_path)
    assert [c.name for c in section.configurations] == [
        "historical_averaging (historical_averaging.weight=0.1)",
        "historical_averaging (historical_averaging.weight=1.0)",
    ]


def test_the_supervised_baseline_stands_beside_the_gans_it_belongs_to(tmp_path: Path) -> None:
    write_run(tmp_path / "gan", 0.1, ("feature_matching",))
    write_run(tmp_path / "sup", 0.3, ("feature_matching",), objective__unlabelled_weight=0.0)
    write_run(tmp_path / "other", 0.4, (), objective__unlabelled_weight=0.0, optim__lr=0.1)
    first, second = sections(tmp_path)
    assert [c.name for c in first.configurations] == ["feature_matching", "supervised"]
    assert first.baseline == "supervised"
    assert first.configurations[0].difference is not None
    assert first.configurations[0].difference.mean == pytest.approx(-0.2)
    assert [c.name for c in second.configurations] == ["supervised"]


def test_supervised_runs_are_told_apart_by_the_techniques_that_have_an_effect_on_them(tmp_path: Path) -> None:
    supervised = {"objective__unlabelled_weight": 0.0, "objective__g_steps": 0}
    both = ("feature_matching", "spectral_norm")
    write_run(tmp_path / "gan", 0.1, both)
    write_run(tmp_path / "a", 0.3, both, in_effect=["spectral_norm"], **supervised)
    write_run(tmp_path / "b", 0.4, ("feature_matching",), in_effect=[], **supervised)
    write_run(tmp_path / "c", 0.5, ("pull_away",), in_effect=[], **supervised)  # the same run as b
    (section,) = sections(tmp_path)
    names = ["feature_matching + spectral_norm", "supervised + spectral_norm", "supervised"]
    assert [c.name for c in section.configurations] == [c.full_name for c in section.configurations] == names
    assert section.baseline == "supervised"
    assert [run.name for run in section.configurations[2].repeated] == ["c"]


@pytest.mark.parametrize(("option", "value"), [("objective__d_steps", 3), ("objective__labelled_weight", 0.5)])
def test_a_supervised_run_of_other_steps_or_weights_is_no_baseline_of_these(
    tmp_path: Path, option: str, value: float
) -> None:
    write_run(tmp_path / "gan", 0.1)
    write_run(tmp_path / "sup", 0.3, objective__unlabelled_weight=0.0, objective__g_steps=0, **{option: value})
    assert [[c.name for c in section.configurations] for section in sections(tmp_path)] == [["none"], ["supervised"]]


def test_options_of_techniques_of_supervised_runs_are_in_their_names(tmp_path: Path) -> None:
    for weight in (1.0, 0.1):
        options = {"historical_averaging": {"weight": weight}, "pull_away": {"weight": weight}}
        write_run(
            tmp_path / f"w{weight}", weight / 10, tuple(options), options=options, in_effect=["historical_averaging"],
            objective__unlabelled_weight=0.0,
        )  # fmt: skip
    (section,) = sections(tmp_path)
    assert [c.name for c in section.configurations] == [
        "supervised + historical_averaging (historical_averaging.weight=0.1)",
        "supervised + historical_averaging (historical_averaging.weight=1.0)",
    ]


def test_the_same_seeds_twice_are_counted_once(tmp_path: Path) -> None:
    write_run(tmp_path / "a", 0.1)
    write_run(tmp_path / "b", 0.3)
    ((configuration,),) = [section.configurations for section in sections(tmp_path)]
    assert configuration.spread.n == 1
    assert [run.name for run in configuration.repeated] == ["b"]


def test_the_baseline_can_be_chosen_and_has_to_exist(tmp_path: Path) -> None:
    write_run(tmp_path / "a", 0.1)
    write_run(tmp_path / "b", 0.3, ("feature_matching",))
    (section,) = sections(tmp_path, "feature_matching")
    assert section.baseline == "feature_matching"
    assert section.configurations[0].difference is not None
    assert section.configurations[0].difference.mean == pytest.approx(-0.2)
    with pytest.raises(ConfigError, match="--baseline foo: there is no such configuration; there are feature_match"):
        sections(tmp_path, "foo")


@pytest.mark.parametrize(
    ("tricks", "name"),
    [((), "none"), (("b", "a"), "a + b"), (("a", "b", "c", "d"), "all"), (("a", "b", "d"), "all but c")],
)
def test_short_names(tricks: tuple[str, ...], name: str) -> None:
    assert short_name(tricks, {"a", "b", "c", "d"}) == name


def test_two_techniques_are_named_in_full() -> None:
    assert short_name(("a", "b"), {"a", "b"}) == "a + b"


def test_runs_without_a_configuration_are_grouped_by_what_they_tell(tmp_path: Path) -> None:
    for name, tricks in (("a", ()), ("b", ("feature_matching",))):
        path = write_run(tmp_path / name, 0.1, tricks) / "result.json"
        result = json.loads(path.read_text())
        del result["config"]
        path.write_text(json.dumps(result))
    (section,) = sections(tmp_path)
    assert sorted(c.name for c in section.configurations) == ["feature_matching", "none"]


def test_runs_without_labels_stand_apart_and_say_so(tmp_path: Path) -> None:
    write_run(tmp_path / "a", 0.1)
    path = write_run(tmp_path / "b", 0.9, objective__labelled_weight=0.0) / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"objective": "unlabelled"}))
    titles = {section.title for section in sections(tmp_path)}
    assert titles == {"digits, 30 labels", "digits, no labels: D has not learned the classes"}
