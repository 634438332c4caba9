"""The sites' metrics: figures against counting by hand, where they are drawn, and who sees which sites."""

from __future__ import annotations

import csv
import datetime as dt
import io
import math

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from compliance import audit
from compliance.models import User
from imaging import metrics
from imaging.metrics import Facts, Measure, Times, percentile
from imaging.models import ImagingStudy, QcReview
from imaging.selectors_metrics import facts_of
from imaging.states import ReviewState
from tests.factories import AT, World
from trials.models import Role
from trials.services import querying

# --- figures


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([3.0], 0.5, 3.0),
        ([1.0, 2.0], 0.5, 1.0),
        ([2.0, 1.0, 3.0], 0.5, 2.0),
        (list(range(1, 11)), 0.9, 9),
        (list(range(1, 12)), 0.9, 10),
        ([4.0, 4.0], 0.0, 4.0),
    ],
)
def test_a_percentile_is_the_nearest_rank(values, share, expected):
    assert percentile(values, share) == expected


@given(st.lists(st.floats(0, 1000), min_size=1), st.floats(0.01, 1))
def test_at_least_the_share_takes_no_longer_and_less_than_it_takes_less(values, share):
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= math.floor(share * len(values))
    assert sum(value < found for value in values) < share * len(values)


def test_sites_at_which_nothing_happened_have_no_figures_and_their_order_stays():
    facts = Facts(
        to_arrival={"B": [4.0, 2.0, 9.0]}, to_decision={}, to_answer={"A": [1.5]}, first_images={"B": [True, False]}
    )
    arrival, decision, answer = metrics.measures(["B", "A"], facts)
    assert [(t.site, t.count, t.median, t.ninetieth, t.longest) for t in arrival.by_site] == [
        ("B", 3, 4.0, 9.0, 9.0),
        ("A", 0, None, None, None),
    ]
    assert (answer.all_sites.count, answer.all_sites.median) == (1, 1.5)
    assert metrics.plot(decision) is None
    assert [(o.site, o.passed, o.decided, o.percent) for o in metrics.first_pass(["B", "A"], facts.first_images)] == [
        ("B", 1, 2, 50.0),
        ("A", 0, 0, None),
    ]


@given(st.lists(st.lists(st.floats(0, 2000), max_size=8), min_size=1, max_size=4))
def test_every_point_lies_on_its_line_between_the_first_tick_and_the_last(days):
    measure = Measure("m", "M", "", [Times(str(number), tuple(some)) for number, some in enumerate(days)])
    drawn = metrics.plot(measure)
    assert (drawn is None) == (not any(days))
    if drawn is None:
        return
    first, last = drawn.ticks[0], drawn.ticks[-1]
    assert first == (drawn.left, "0")
    assert last[0] == drawn.right
    assert 2 <= len(drawn.ticks) <= 6
    for row, some in zip(drawn.rows, days, strict=True):
        assert 0 < row.y < drawn.floor
        assert all(drawn.left <= x <= drawn.right for x in row.points)
        assert bool(row.points) == bool(some) == (row.median is not None)


# --- what happened


def scanned(world: World, code: str, *rounds: tuple[ReviewState, float | None]) -> None:
    """A baseline scan of study day -5 that arrived at `AT`, and its rounds of QC with the days after it."""
    timepoint = world.timepoint(code, "BL")
    study = ImagingStudy(trial=world.trial, timepoint=timepoint, study_instance_uid=f"1.{timepoint.pk}", study_day=-5)
    audit.save(study, action="imagingstudy.archived", actor=None, at=AT)
    for number, (state, days) in enumerate(rounds, start=1):
        decided_at = None if days is None else AT + dt.timedelta(days=days)
        opened_at = AT + dt.timedelta(hours=number - 1)
        review = QcReview(
            timepoint=timepoint, round=number, state=state, opened_at=opened_at, decided_at=decided_at, data_sha256=""
        )
        audit.save(review, action="qcreview.opened", actor=None, at=AT, thaw=True)


@pytest.fixture
def busy(world: World) -> World:
    """Of the north: one scan cleared at once, one failed, sent again and cleared; of the south: one that waits."""
    scanned(world, "N-001", (ReviewState.SUPERSEDED, None), (ReviewState.CLEARED, 2))
    scanned(world, "N-002", (ReviewState.FAILED, 5), (ReviewState.CLEARED, 6))
    scanned(world, "S-001", (ReviewState.OPEN, None))
    query = querying.raise_query(
        about=world.timepoint("N-002", "BL"), title="Again?", text="Please.", actor=world.analyst, at=AT
    )
    querying.answer_query(query=query, text="Sent.", actor=world.coordinator, at=AT + dt.timedelta(days=3.5))
    return world


def test_times_and_first_decisions_are_those_that_happened(busy):
    facts = facts_of(busy.trial.sites.all())
    # The scan was on study day -5, 31 December; its images came on 2 March.
    assert facts.to_arrival == {"NORTH": [61.0, 61.0], "SOUTH": [61.0]}
    assert facts.to_decision == {"NORTH": [2.0, 5.0]}
    assert facts.to_answer == {"NORTH": [3.5]}
    assert facts.first_images == {"NORTH": [True, False]}


def test_an_answer_given_again_later_does_not_lengthen_the_first(busy):
    query = busy.trial.queries.get()
    querying.reopen_query(query=query, text="Which?", actor=busy.analyst, at=AT + dt.timedelta(days=20))
    querying.answer_query(query=query, text="This.", actor=busy.coordinator, at=AT + dt.timedelta(days=30))
    assert facts_of(busy.trial.sites.all()).to_answer == {"NORTH": [3.5]}


# --- the page


def page(user: User, world: World, name: str = "metrics") -> str:
    client = Client()
    client.force_login(user)
    return client.get(reverse(f"imaging:{name}", args=[world.trial.pk])).content.decode("utf-8-sig")


def test_a_coordinator_sees_the_own_site_and_the_sponsor_every_site_and_no_subject(busy):
    assert "SOUTH" not in page(busy.coordinator, busy)
    assert "NORTH" not in page(busy.other_coordinator, busy)
    for person in (busy.people[Role.SPONSOR], busy.analyst, busy.administrator):
        shown = page(person, busy)
        assert "NORTH" in shown
        assert "SOUTH" in shown
        assert "N-001" not in shown


def test_the_figures_leave_as_csv(busy):
    rows = list(csv.DictReader(io.StringIO(page(busy.people[Role.SPONSOR], busy, "metrics_csv"), newline="")))
    of_north = {row["measure"]: row for row in rows if row["site"] == "NORTH"}
    assert [of_north["arrival_to_qc"][name] for name in ("count", "median", "ninetieth_percentile", "longest")] == [
        "2",
        "2.0",
        "5.0",
        "5.0",
    ]
    assert (of_north["first_pass_images"]["passed"], of_north["first_pass_images"]["percent"]) == ("1", "50.0")
    assert {row["site"] for row in rows} == {"NORTH", "SOUTH"}
