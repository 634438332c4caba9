"""Two readers' lesions paired: by organ, slice and size; the least sum of costs of all ways."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from random import Random

import pytest

from reading.variability.pairing import FoundLesion, Pairing, pair_lesions

pytestmark = pytest.mark.requirement("REQ-VAR-003")

T1 = FoundLesion("T01", "target", "LIVER", False, "BL", "portal venous", "axial", slice_mm=100.0, size_mm=30.0)


def paired(pairing: Pairing) -> list[tuple[str, str]]:
    return [(pair.first.id, pair.second.id) for pair in pairing.pairs]


def test_lesions_pair_on_neighbouring_slices_whatever_their_order() -> None:
    upper, lower = T1, replace(T1, id="T02", slice_mm=160.0)
    theirs = [replace(T1, id="T01", slice_mm=163.0), replace(T1, id="T02", slice_mm=97.0)]

    assert paired(pair_lesions([upper, lower], theirs)) == [("T01", "T02"), ("T02", "T01")]


def test_another_organ_or_a_node_is_another_lesion() -> None:
    for other in (replace(T1, organ="LUNG"), replace(T1, nodal=True)):
        found = pair_lesions([T1], [other])
        assert (found.pairs, found.only_first, found.only_second) == ((), (T1,), (other,))


def test_slices_further_apart_than_the_lesion_is_large_show_another() -> None:
    assert paired(pair_lesions([T1], [replace(T1, slice_mm=125.0)])) == [("T01", "T01")]
    assert paired(pair_lesions([T1], [replace(T1, slice_mm=131.0)])) == []
    small = replace(T1, size_mm=4.0)
    assert paired(pair_lesions([small], [replace(small, slice_mm=109.0)])) == [("T01", "T01")]


def test_another_series_is_compared_where_its_slices_lie_alike() -> None:
    arterial = replace(T1, series="arterial", slice_mm=180.0)
    assert paired(pair_lesions([T1], [arterial])) == []
    # Places on slices that lie otherwise say nothing: organ and size decide.
    coronal = replace(arterial, orientation="coronal")
    assert paired(pair_lesions([T1], [coronal])) == [("T01", "T01")]
    assert paired(pair_lesions([T1], [replace(coronal, size_mm=55.0)])) == []


def test_a_target_of_one_reader_may_be_a_non_target_of_the_other_but_never_new() -> None:
    seen = replace(T1, id="NT01", category="non_target", size_mm=None)
    assert paired(pair_lesions([T1], [seen])) == [("T01", "NT01")]
    assert paired(pair_lesions([T1], [replace(seen, category="new")])) == []


def test_new_lesions_seen_at_different_visits_pair_by_organ() -> None:
    new = FoundLesion("NEW01", "new", "BRAIN", timepoint="W8", series="a", orientation="axial", slice_mm=10.0)
    later = replace(new, timepoint="W16", series="b", slice_mm=90.0)
    assert paired(pair_lesions([new], [later])) == [("NEW01", "NEW01")]


def test_no_way_to_pair_is_cheaper() -> None:
    """Against every way to pair up to four lesions with up to four, tried one by one."""
    dice = Random(7)
    for _ in range(60):
        mine, theirs = (
            [
                replace(T1, id=f"T{n}", slice_mm=dice.uniform(90, 130), size_mm=dice.uniform(10, 40))
                for n in range(dice.randint(0, 4))
            ]
            for _ in range(2)
        )
        found = pair_lesions(mine, theirs)
        cost = sum(pair.cost for pair in found.pairs) + (len(found.only_first) + len(found.only_second)) / 2
        assert cost < cheapest(mine, theirs) + 1e-9


def cheapest(mine: list[FoundLesion], theirs: list[FoundLesion]) -> float:
    alone = [None] * len(mine)
    best = float("inf")
    for order in permutations([*theirs, *alone], len(mine)):
        cost = (len(theirs) - sum(one is not None for one in order)) / 2
        for lesion, other in zip(mine, order, strict=True):
            single = pair_lesions([lesion], [other]).pairs if other else ()
            cost += single[0].cost if single else 0.5 if other is None else float("inf")
        best = min(best, cost)
    return best
