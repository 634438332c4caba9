"""One case's readers: from pools, in pairs, evenly, the same from what the draw knew in whatever order it is told."""

from __future__ import annotations

import json
from collections import Counter
from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reading.assignment import CaseRef, Chance, NotEnoughReaders, Pool, ReaderRef, assign, candidates, draw
from reading.assignment.lots import pair

pytestmark = pytest.mark.requirement("REQ-REA-001")

NAMES = ("ada", "bo", "cy", "dee", "eve")
SITES = ("101", "102", "201")
EVERYBODY = frozenset(NAMES)

names = st.frozensets(st.sampled_from(NAMES))


@st.composite
def chances(told: st.DrawFn) -> Chance:
    pairs = st.sets(st.sampled_from(sorted(permutations(NAMES, 2))), max_size=4)
    counts = st.integers(0, 3)
    shared = told(st.dictionaries(st.sampled_from(sorted(permutations(NAMES, 2))), counts))
    return Chance(
        told(st.sampled_from(("S-1", "S-2", "S-3"))),
        told(st.sampled_from(((names,), (names, names))).flatmap(lambda places: st.tuples(*places))),
        pairs=told(st.none() | pairs.map(frozenset)),
        load=told(st.dictionaries(st.sampled_from(NAMES), counts)),
        together={pair(a, b): n for (a, b), n in shared.items()},
    )


def teams_of(chance: Chance) -> list[tuple[str, ...]]:
    """Every team that may read a case, found the long way."""
    found = [team for team in product(*chance.places) if len(set(team)) == len(team)]
    if chance.pairs is None or len(chance.places) < 2:
        return found
    return [team for team in found if team in chance.pairs or team[::-1] in chance.pairs]


def unevenness(chance: Chance, team: tuple[str, ...]) -> int:
    after = Counter(chance.load) + Counter(team)
    return sum(count * count for count in after.values())


@pytest.mark.parametrize("per_case", [1, 2])
def test_without_pools_pairs_and_counts_it_is_the_draw_of_running_trials(per_case: int) -> None:
    readers = [ReaderRef(name) for name in NAMES]
    for number in range(40):
        case = CaseRef(f"S-{number}", "101")
        places, _ = candidates(case, readers, (), per_case=per_case)
        (before,) = assign((case,), readers, per_case=per_case, seed="trial")
        assert draw(Chance(case.id, places), seed="trial") == before.reader_ids


@given(chance=chances(), seed=st.integers(0, 5))
def test_a_team_is_drawn_whenever_there_is_one_and_only_one_that_may(chance: Chance, seed: int) -> None:
    allowed = teams_of(chance)
    if not allowed:
        with pytest.raises(NotEnoughReaders):
            draw(chance, seed=seed)
    else:
        assert draw(chance, seed=seed) in allowed


@given(chance=chances(), seed=st.integers(0, 5))
def test_no_other_team_would_leave_counts_more_even(chance: Chance, seed: int) -> None:
    if allowed := teams_of(chance):
        drawn = draw(chance, seed=seed)
        assert sum(chance.load.get(r, 0) for r in drawn) == min(sum(chance.load.get(r, 0) for r in t) for t in allowed)
        assert unevenness(chance, drawn) == min(unevenness(chance, team) for team in allowed)


@given(chance=chances(), seed=st.integers(0, 5))
def test_what_is_kept_of_a_draw_draws_the_same(chance: Chance, seed: int) -> None:
    kept = json.loads(json.dumps(chance.to_json()))
    assert Chance.of_json(kept) == Chance(**{f: getattr(chance, f) for f in chance.__slots__})
    if teams_of(chance):
        assert draw(Chance.of_json(kept), seed=seed) == draw(chance, seed=str(seed))


@given(data=st.data())
def test_the_order_in_which_readers_and_pools_are_told_does_not_matter(data: st.DataObject) -> None:
    readers = [ReaderRef("ada", frozenset({"102"})), ReaderRef("bo"), ReaderRef("cy", frozenset(), frozenset({"S-1"}))]
    pools = [
        Pool("radiologists", frozenset({"ada", "bo"}), frozenset({1})),
        Pool("north", frozenset({"bo", "cy"}), frozenset({2}), frozenset({"101"})),
        Pool("elsewhere", frozenset({"ada", "cy"}), frozenset({2})),
    ]
    case = CaseRef(data.draw(st.sampled_from(("S-1", "S-2"))), data.draw(st.sampled_from(SITES)))
    told = candidates(case, data.draw(st.permutations(readers)), data.draw(st.permutations(pools)), per_case=2)
    assert told == candidates(case, readers, pools, per_case=2)


def drawn_one_by_one(cases: list[str], places: tuple[frozenset[str], ...], **more: object) -> list[tuple[str, ...]]:
    """Draw cases as they come, each knowing what readers have by then."""
    load, together, found = Counter[str](), Counter[tuple[str, str]](), []
    for case in cases:
        chance = Chance(case, places, load=dict(load), together=dict(together), **more)  # type: ignore[arg-type]
        team = draw(chance, seed="trial")
        load.update(team)
        together[pair(*team)] += 1
        found.append(team)
    return found


@given(cases=st.permutations([f"S-{n}" for n in range(12)]))
def test_in_whatever_order_cases_come_the_counts_of_a_pool_differ_by_one_at_most(cases: list[str]) -> None:
    radiologists, oncologists = frozenset({"ada", "bo", "cy"}), frozenset({"dee", "eve"})
    found = drawn_one_by_one(cases, (radiologists, oncologists))
    for place, pool in enumerate((radiologists, oncologists)):
        counts = Counter(team[place] for team in found)
        assert set(counts) == pool
        assert max(counts.values()) - min(counts.values()) <= 1


@given(cases=st.permutations([f"S-{n}" for n in range(9)]))
def test_fixed_pairs_are_kept_and_have_equally_many_cases(cases: list[str]) -> None:
    pairs = frozenset({("ada", "bo"), ("cy", "dee")})
    found = drawn_one_by_one(cases, (EVERYBODY, EVERYBODY), pairs=pairs)
    counts = Counter(pair(*team) for team in found)
    assert set(counts) == pairs
    assert abs(counts["ada", "bo"] - counts["cy", "dee"]) <= 1


def test_who_of_a_pair_is_reader_one_is_drawn_unless_the_pools_say_so() -> None:
    pairs = frozenset({("ada", "bo")})
    free = {draw(Chance(f"S-{n}", (EVERYBODY, EVERYBODY), pairs=pairs), seed="trial") for n in range(20)}
    assert free == {("ada", "bo"), ("bo", "ada")}
    pooled = Chance("S-1", (frozenset({"bo"}), frozenset({"ada"})), pairs=pairs)
    assert draw(pooled, seed="trial") == ("bo", "ada")


@pytest.mark.parametrize(
    ("site", "place", "expected"),
    [
        ("101", 1, ("radiologists",)),
        ("101", 2, ("north",)),
        ("201", 2, ("rest",)),
    ],
)
def test_a_pool_that_names_the_site_goes_before_one_that_names_none(
    site: str, place: int, expected: tuple[str, ...]
) -> None:
    pools = [
        Pool("rest", frozenset({"cy"}), frozenset({2})),
        Pool("north", frozenset({"bo"}), frozenset({2}), frozenset({"101"})),
        Pool("radiologists", frozenset({"ada"}), frozenset({1})),
    ]
    _, pooled = candidates(CaseRef("S-1", site), [ReaderRef(name) for name in NAMES], pools, per_case=2)
    assert pooled[place - 1] == expected


@pytest.mark.parametrize(
    ("chance", "said"),
    [
        (
            Chance("S-1", (EVERYBODY, frozenset()), (("radiologists",), ("oncologists",))),
            "Case S-1 has nobody in the pool oncologists who may be reader 2. Add readers there, or end an exclusion.",
        ),
        (
            Chance("S-1", (EVERYBODY, frozenset()), (("radiologists",), ())),
            "Case S-1 has nobody in any pool who may be reader 2. Add readers there, or end an exclusion.",
        ),
        (
            Chance("S-1", (EVERYBODY, EVERYBODY), pairs=frozenset()),
            "Case S-1 has no fixed pair of whom both may read it. Make a pair, or end an exclusion.",
        ),
        (
            Chance("S-1", (frozenset({"ada"}), frozenset({"ada"}))),
            "Case S-1 has 1 of the 2 readers it needs without a conflict of interest. "
            "Add readers to the trial, or lift an exclusion.",
        ),
        (
            Chance("S-1", (frozenset(), frozenset())),
            "Case S-1 has nobody in the trial who may be reader 1. Add readers there, or end an exclusion.",
        ),
    ],
)
def test_a_case_without_readers_says_what_is_missing(chance: Chance, said: str) -> None:
    with pytest.raises(NotEnoughReaders) as refused:
        draw(chance, seed=1)
    assert refused.value.message == said
