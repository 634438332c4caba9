"""What holds for every table: orders and names that do not matter, units that cancel, and never a NaN or a crash."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.errors import HouseError
from reading.variability.requests import STATISTICS, evaluate

NAMES = ["CR", "PR", "SD", "PD"]
RENAMED = {"CR": "d", "PR": "a", "SD": "c", "PD": "b", None: None}

readings = st.none() | st.sampled_from(NAMES)
measures = st.none() | st.decimals(1, 300, places=1).map(float)
events = st.none() | st.integers(0, 1)


def rows(of: st.SearchStrategy[Any], wide: int) -> st.SearchStrategy[list[list[Any]]]:
    return st.lists(st.lists(of, min_size=wide, max_size=wide), max_size=9)


def ask(stat: str, data: Any, **options: Any) -> dict[str, Any]:
    """Return an answer that was sent as JSON, in which there is no NaN."""
    return json.loads(json.dumps(evaluate({"stat": stat, "data": data, "options": options}), allow_nan=False))


def same(one: Any, other: Any) -> bool:
    """Whether two answers are equal up to rounding."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == pytest.approx(other, rel=1e-9, abs=1e-9) if isinstance(one, float) else one == other


def columns(table: list[list[Any]], *names: str) -> dict[str, list[Any]]:
    return {name: [row[i] for row in table] for i, name in enumerate(names)}


def units(table: list[list[Any]]) -> list[list[Any]]:
    """Return a table of subjects as one of raters."""
    return [list(row) for row in zip(*table, strict=True)] or [[], []]


NOMINAL = {
    "cohen_kappa": lambda t: ask("cohen_kappa", {"pairs": [row[:2] for row in t]}),
    "percent_agreement": lambda t: ask("percent_agreement", {"pairs": [row[:2] for row in t]}),
    "fleiss_kappa": lambda t: ask("fleiss_kappa", {"ratings": t}),
    "gwet_ac1": lambda t: ask("gwet_ac1", {"ratings": t}),
    "krippendorff_alpha": lambda t: ask("krippendorff_alpha", {"ratings": units(t)}, level="nominal"),
}
MEASURED = {
    "icc": lambda t: ask("icc", {"ratings": t}, type="ICC(2,1)"),
    "bland_altman": lambda t: ask("bland_altman", columns(t, "a", "b")),
    "lin_ccc": lambda t: ask("lin_ccc", columns(t, "a", "b")),
    "within_subject_sd": lambda t: ask("within_subject_sd", {"replicates": t}),
    "within_subject_cv": lambda t: ask("within_subject_cv", {"replicates": t}),
    "within_subject_cv log": lambda t: ask("within_subject_cv", {"replicates": t}, method="log"),
    "alpha interval": lambda t: ask("krippendorff_alpha", {"ratings": units(t)}, level="interval"),
    "alpha ordinal": lambda t: ask("krippendorff_alpha", {"ratings": units(t)}, level="ordinal"),
    "alpha ratio": lambda t: ask("krippendorff_alpha", {"ratings": units(t)}, level="ratio"),
}
FOLLOWED = {
    "kaplan_meier": lambda t: ask("kaplan_meier", columns(t, "time", "event")),
    "kaplan_meier plain": lambda t: ask("kaplan_meier", columns(t, "time", "event"), ci="plain"),
    "logrank": lambda t: (
        ask("logrank", columns(t, "time", "event", "group")) | {"groups": None, "observed": None, "expected": None}
    ),
}
followed = st.lists(st.tuples(measures, events, st.sampled_from(["x", "y", "z"])).map(list), max_size=12)


def moved(table: list[list[Any]], shift: float = 0, scale: float = 1) -> list[list[Any]]:
    return [[None if x is None else round(scale * x + shift, 1) for x in row] for row in table]


@given(table=rows(readings, 3), data=st.data())
def test_nominal_statistics_know_neither_order_nor_names(table: list[list[Any]], data: st.DataObject) -> None:
    renamed = [[RENAMED[x] for x in row] for row in data.draw(st.permutations(table))]
    for name, statistic in NOMINAL.items():
        one, other = statistic(table), statistic(renamed)
        assert same(one | {"table": None}, other | {"table": None}), name


@given(table=rows(measures, 2), data=st.data())
def test_measured_statistics_do_not_know_the_order_of_subjects(table: list[list[Any]], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(table))
    for name, statistic in MEASURED.items():
        assert same(statistic(table), statistic(shuffled)), name


@given(table=followed, data=st.data())
def test_survival_does_not_know_the_order_of_subjects(table: list[list[Any]], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(table))
    for name, statistic in FOLLOWED.items():
        assert same(statistic(table), statistic(shuffled)), name


@given(table=rows(measures, 2), shift=st.integers(1, 500))
def test_a_constant_added_to_all_cancels(table: list[list[Any]], shift: int) -> None:
    for name in ("icc", "bland_altman", "lin_ccc", "within_subject_sd", "alpha interval", "alpha ordinal"):
        assert same(MEASURED[name](table), MEASURED[name](moved(table, shift=shift))), name


@given(table=rows(measures, 2), scale=st.sampled_from([10, 100, 3]))
def test_a_unit_cancels_in_relative_statistics_and_multiplies_the_others(table: list[list[Any]], scale: int) -> None:
    scaled = moved(table, scale=scale)
    relative = ("icc", "lin_ccc", "within_subject_cv", "within_subject_cv log", "alpha ordinal", "alpha ratio")
    for name in relative:
        assert same(MEASURED[name](table), MEASURED[name](scaled)), name
    for name, kept in (("within_subject_sd", ["value", "repeatability"]), ("bland_altman", ["mean_diff", "sd", "loa"])):
        one, other = MEASURED[name](table), MEASURED[name](scaled)
        if "undefined" in one:
            assert other == one
        else:
            times = [scale * x for field in kept for x in _flat(one[field])]
            assert times == pytest.approx([x for field in kept for x in _flat(other[field])], rel=1e-9, abs=1e-9)


def _flat(value: Any) -> list[float]:
    return value if isinstance(value, list) else [value]


@given(table=followed)
def test_a_unit_of_time_cancels_in_survival(table: list[list[Any]]) -> None:
    scaled = [[None if when is None else 7 * when, event, group] for when, event, group in table]
    for name, statistic in FOLLOWED.items():
        kept = {"times": None, "median": None, "median_ci": None}
        assert same(statistic(table) | kept, statistic(scaled) | kept), name


@given(table=rows(readings, 2))
def test_two_readers_are_two_raters(table: list[list[Any]]) -> None:
    complete = [row for row in table if None not in row]
    assert same(ask("gwet_ac1", {"pairs": table}), ask("gwet_ac1", {"ratings": complete}))
    used = sorted({x for row in complete for x in row})
    counts = [[sum(row == [a, b] for row in complete) for b in used] for a in used]
    if counts:
        assert same(ask("gwet_ac1", {"pairs": table}), ask("gwet_ac1", {"table": counts}))
        of_table = ask("cohen_kappa", {"table": counts})
        assert same(ask("cohen_kappa", {"pairs": complete}, categories=used), of_table)


@given(x=st.integers(0, 400), more=st.integers(0, 400), confidence=st.sampled_from([0.5, 0.9, 0.95, 0.999]))
@pytest.mark.parametrize("method", ["clopper-pearson", "wilson"])
def test_an_interval_of_a_proportion_holds_it_and_mirrors(method: str, x: int, more: int, confidence: float) -> None:
    n = x + more
    one = ask("proportion_ci", {"x": x, "n": n}, method=method, confidence=confidence)
    other = ask("proportion_ci", {"x": more, "n": n}, method=method, confidence=confidence)
    if n:
        assert 0 <= one["ci"][0] <= one["value"] <= one["ci"][1] <= 1
        assert one["ci"] == pytest.approx([1 - other["ci"][1], 1 - other["ci"][0]], abs=1e-12)


@given(table=followed)
def test_survival_falls_within_its_limits(table: list[list[Any]]) -> None:
    for name in ("kaplan_meier", "kaplan_meier plain"):
        answer = FOLLOWED[name](table)
        if "undefined" not in answer:
            assert answer["survival"] == sorted(answer["survival"], reverse=True)
            limits = zip(answer["lower"], answer["survival"], answer["upper"], strict=True)
            assert all(low is None or 0 <= low <= s + 1e-12 <= high + 2e-12 for low, s, high in limits)


FIELDS = ("ratings", "table", "pairs", "counts", "a", "b", "replicates", "time", "event", "group", "x", "n", "cases")
OPTIONS = {
    "type": ["ICC(1,1)", "ICC(2,k)", "ICC(3,1)"],
    "weights": ["none", "linear", "quadratic", [[0, 1], [2, 0]]],
    "categories": [["CR", "PR"], [1, 2, 3], [0, 1]],
    "level": ["nominal", "ordinal", "interval", "ratio"],
    "method": ["rms", "log", "wilson", "clopper-pearson"],
    "ci": ["plain", "log-log", "z-transform"],
    "log": [True],
    "confidence": [0.5, 0.999999999],
}
atoms = st.sampled_from([None, True, 0, 1, 2, 3, -1, 0.5, 1e-300, 1e300, "CR", "PR", "", {}])
cells = st.lists(st.lists(atoms, max_size=3), max_size=4)
anything = st.one_of(atoms, st.lists(atoms, max_size=5), cells, st.lists(st.tuples(atoms, atoms).map(list), max_size=5))


@given(data=st.dictionaries(st.sampled_from(FIELDS), anything, max_size=3), options=st.data())
@pytest.mark.parametrize("stat", STATISTICS)
def test_no_request_gives_nan_or_another_failure_than_a_refusal(
    stat: str, data: dict[str, Any], options: st.DataObject
) -> None:
    taken = [name for name in STATISTICS[stat].options if name in OPTIONS]
    chosen = {name: options.draw(st.sampled_from(OPTIONS[name])) for name in taken}
    with suppress(HouseError):
        assert ask(stat, data, **chosen)
