"""A query goes to the site, comes back with an answer, and is closed by who asked."""

from __future__ import annotations

import datetime as dt

import pytest

from compliance.access import AccessDenied
from compliance.audit import RecordFrozen
from compliance.transitions import IllegalMove
from tests.factories import AT
from trials.models import Query, QueryMessage, Role
from trials.services import querying
from trials.services.querying import EmptyMessage
from trials.states import QueryState

pytestmark = pytest.mark.django_db


@pytest.fixture
def query(world):
    return ask(world)


def ask(world, actor=None, text="Please send the thin slices."):
    return querying.raise_query(
        timepoint=world.timepoint("N-001", "BL"),
        title="Slices missing",
        text=text,
        actor=actor or world.analyst,
        at=AT,
    )


def test_a_query_is_due_as_the_charter_says(world, query):
    assert (query.state, query.site, query.due_on) == (QueryState.OPEN, world.north, dt.date(2026, 3, 9))
    assert [message.text for message in query.messages.all()] == ["Please send the thin slices."]


def test_a_query_goes_to_the_site_and_back_until_it_is_closed(world, query):
    querying.answer_query(query=query, text="They were not kept.", actor=world.coordinator, at=AT)
    assert query.state == QueryState.ANSWERED
    querying.reopen_query(query=query, text="Please ask the archive.", actor=world.analyst, at=AT)
    assert query.state == QueryState.OPEN
    querying.answer_query(query=query, text="Sent.", actor=world.coordinator, at=AT)
    querying.close_query(query=query, actor=world.analyst, at=AT)
    stored = Query.objects.get(pk=query.pk)
    assert stored.state == QueryState.CLOSED
    assert [(m.author, m.text) for m in stored.messages.all()] == [
        (world.analyst, "Please send the thin slices."),
        (world.coordinator, "They were not kept."),
        (world.analyst, "Please ask the archive."),
        (world.coordinator, "Sent."),
    ]


def test_nothing_is_asked_or_answered_without_words(world, query):
    with pytest.raises(EmptyMessage):
        ask(world, text="  ")
    with pytest.raises(EmptyMessage):
        querying.answer_query(query=query, text="\n", actor=world.coordinator, at=AT)
    assert Query.objects.get().state == QueryState.OPEN
    assert QueryMessage.objects.count() == 1


def test_what_is_closed_is_not_answered_but_may_be_asked_again(world, query):
    querying.close_query(query=query, text="Found.", actor=world.analyst, at=AT)
    with pytest.raises(IllegalMove):
        querying.answer_query(query=query, text="Late", actor=world.coordinator, at=AT)
    assert querying.reopen_query(query=query, text="Again.", actor=world.analyst, at=AT).state == QueryState.OPEN


def test_only_the_site_answers_and_only_qc_asks_and_closes(world, query):
    everybody = [*world.people.values(), world.other_coordinator, world.outsider]
    for person in everybody:
        if person != world.coordinator:
            with pytest.raises(AccessDenied):
                querying.answer_query(query=query, text="Mine", actor=person, at=AT)
        if person != world.people[Role.QC_ANALYST]:
            with pytest.raises(AccessDenied):
                ask(world, actor=person)
            with pytest.raises(AccessDenied):
                querying.close_query(query=query, text="", actor=person, at=AT)
    assert (Query.objects.get().state, QueryMessage.objects.count()) == (QueryState.OPEN, 1)


def test_after_the_lock_no_query_is_raised(locked):
    with pytest.raises(RecordFrozen, match="locked"):
        ask(locked)
    assert not Query.objects.exists()
