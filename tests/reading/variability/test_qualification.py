"""Points of a case against its reference: what agrees, exactly where tolerance ends, and what holds of any case."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reading.variability.causes import Reading, Visit
from reading.variability.pairing import FoundLesion
from reading.variability.qualification import ITEMS, Answers, passes, score, within

pytestmark = pytest.mark.requirement("REQ-REA-011")

TEN = Decimal(10)


def answers(*responses: str, burdens: tuple[str | None, ...] = (), organs: str = "LIVER", best: str = "PR") -> Answers:
    """A case of a baseline and these responses; a target in each organ."""
    names = ["BL", *(f"V{n}" for n in range(1, len(responses) + 1))]
    lesions = tuple(
        FoundLesion(f"T{n:02d}", "target", organ, timepoint="BL", series="S", slice_mm=10.0 * n, size_mm=20.0)
        for n, organ in enumerate(organs.split(), 1)
    )
    visits = tuple(Visit(name, overall=said) for name, said in zip(names, ["", *responses], strict=True))
    sizes = [None if one is None else Decimal(one) for one in burdens] + [None] * len(names)
    return Answers(Reading(lesions, visits, best), dict(zip(names, sizes, strict=False)))


def agreeing(own: Answers, reference: Answers, *asked: str, tolerance: Decimal = TEN) -> list[bool]:
    return [point.agrees for point in score(own, reference, asked, tolerance)]


def test_each_response_gives_a_point_of_its_own_and_the_trace_says_both():
    points = score(answers("SD", "PD"), answers("SD", "PR"), ["response"], TEN)
    assert [(p.timepoint, p.own, p.reference, p.agrees) for p in points] == [
        ("V1", "SD", "SD", True),
        ("V2", "PD", "PR", False),
    ]


@pytest.mark.parametrize(
    ("own", "reference", "tolerance", "agrees"),
    [
        ("110", "100", "10", True),
        ("110.01", "100", "10", False),
        ("90", "100", "10", True),
        ("89.99", "100", "10", False),
        ("30.3", "30.3", "0", True),
        ("30.30", "30.3", "0", True),
        ("0", "0", "10", True),
        ("0.1", "0", "10", False),
        (None, "20", "10", False),
        ("20", None, "10", False),
        (None, None, "10", True),
    ],
)
def test_the_bound_of_the_tolerance_is_within_and_nothing_is_rounded(own, reference, tolerance, agrees):
    mine, theirs = (None if one is None else Decimal(one) for one in (own, reference))
    assert within(mine, theirs, Decimal(tolerance)) is agrees


def test_a_burden_is_asked_of_every_timepoint_and_none_is_said_as_such():
    points = score(answers("SD", burdens=("50", None)), answers("SD", burdens=("50.00", "40")), ["burden"], TEN)
    assert [(p.timepoint, p.own, p.reference, p.agrees) for p in points] == [
        ("BL", "50", "50", True),
        ("V1", "none", "40", False),
    ]


def test_a_target_of_the_reference_is_chosen_or_not_and_others_cost_nothing():
    points = score(answers("SD", organs="LIVER LUNG"), answers("SD", organs="LIVER SPLEEN"), ["targets"], TEN)
    assert [(p.lesion, p.own, p.reference, p.agrees) for p in points] == [
        ("T01", "T01", "T01 LIVER", True),
        ("T02", "none", "T02 SPLEEN", False),
    ]


def test_a_lesion_taken_as_a_non_target_was_not_chosen():
    own = answers("SD")
    lesion = own.reading.lesions[0]
    other = FoundLesion("NT01", "non_target", lesion.organ, timepoint="BL", series="S", slice_mm=10.0, size_mm=20.0)
    own = Answers(Reading((other,), own.reading.visits, "PR"), own.burdens)
    assert agreeing(own, answers("SD"), "targets") == [False]


def test_new_lesions_and_the_best_response_are_asked_where_the_charter_says_so():
    own, reference = answers("PD", best="PD"), answers("PD", best="SD")
    reference = Answers(
        Reading(
            reference.reading.lesions, (reference.reading.visits[0], Visit("V1", overall="PD", new_lesion=True)), "SD"
        ),
        {},
    )
    assert agreeing(own, reference, "new_lesions", "best_response") == [False, False]
    assert agreeing(reference, reference, "new_lesions", "best_response") == [True, True]


def test_what_is_not_known_is_not_scored():
    with pytest.raises(ValueError, match="unknown item charm"):
        score(answers("SD"), answers("SD"), ["charm"], TEN)
    with pytest.raises(ValueError, match="the same timepoints"):
        score(answers("SD"), answers("SD", "SD"), ["response"], TEN)


@pytest.mark.parametrize(
    ("points", "of", "mark", "passed"),
    [(4, 5, "80", True), (3, 5, "80", False), (2, 3, "66.6", True), (2, 3, "66.7", False), (0, 0, "80", True)],
)
def test_the_mark_is_reached_or_not_without_rounding(points, of, mark, passed):
    assert passes(points, of, Decimal(mark)) is passed


SIZES = st.none() | st.decimals(min_value=0, max_value=500, places=2)


@st.composite
def cases(draw: st.DrawFn, number: int | None = None) -> Answers:
    visits = draw(st.integers(0, 4)) if number is None else number
    responses = [draw(st.sampled_from(["CR", "PR", "SD", "PD", "NE"])) for _ in range(visits)]
    organs = " ".join(draw(st.lists(st.sampled_from(["LIVER", "LUNG", "SPLEEN"]), max_size=3)))
    made = answers(*responses, organs=organs, best=draw(st.sampled_from(["", "PR", "SD"])))
    return Answers(made.reading, {visit.timepoint: draw(SIZES) for visit in made.reading.visits})


@given(cases())
def test_the_reference_itself_gets_every_point(case):
    assert all(point.agrees for point in score(case, case, ITEMS, Decimal(0)))


@given(st.data())
def test_more_tolerance_takes_no_point_away_and_what_is_asked_changes_no_other_point(data):
    number = data.draw(st.integers(0, 4))
    own, reference = data.draw(cases(number)), data.draw(cases(number))
    narrow, wide = sorted(data.draw(st.tuples(st.integers(0, 100), st.integers(0, 100))))
    strict = agreeing(own, reference, *ITEMS, tolerance=Decimal(narrow))
    lenient = agreeing(own, reference, *ITEMS, tolerance=Decimal(wide))
    assert all(later or not earlier for earlier, later in zip(strict, lenient, strict=True))
    apart = [point for item in ITEMS for point in score(own, reference, [item], Decimal(narrow))]
    assert tuple(apart) == score(own, reference, ITEMS[::-1], Decimal(narrow))
