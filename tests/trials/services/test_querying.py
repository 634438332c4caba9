"""A query goes to the site, comes back with an answer, and is closed by who asked."""

from __future__ import annotations

import datetime as dt

import pytest

from compliance.access import AccessDenied
from compliance.audit import RecordFrozen
from compliance.models import AuditEvent
from compliance.transitions import IllegalMove, ReasonRequired
from tests.factories import AT, make_world
from trials.askable import About
from trials.models import Query, QueryMessage, Role
from trials.services import querying
from trials.services.querying import EmptyMessage, NothingAsked, QueriesOpen, QueryClosed
from trials.states import QueryState

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-QRY-001")]


@pytest.fixture
def query(world):
    return ask(world)


def ask(world, actor=None, text="Please send the thin slices."):
    return querying.raise_query(
        about=world.timepoint("N-001", "BL"),
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


# --- on any record, several at once


def ask_all(world, *records, **by):
    return querying.raise_queries(
        about=[About(record) for record in records], title="Same", text="Please.", actor=world.analyst, at=AT, **by
    )


def test_one_act_asks_the_same_about_several_records_each_by_itself(world):
    subject, timepoint = world.subjects["N-001"], world.timepoint("S-001", "W8")
    raised = ask_all(world, world.north, subject, timepoint)
    assert [(q.about_type, q.about_id, q.about_label, q.site, q.timepoint) for q in raised] == [
        ("trials.site", world.north.pk, "NORTH North Hospital", world.north, None),
        ("trials.subject", subject.pk, "N-001", world.north, None),
        ("trials.timepoint", timepoint.pk, "S-001 W8", world.south, timepoint),
    ]
    querying.answer_query(query=raised[1], text="Yes.", actor=world.coordinator, at=AT)
    assert [q.state for q in Query.objects.order_by("pk")] == ["open", "answered", "open"]
    assert AuditEvent.objects.filter(action="query.raised").count() == 3
    assert [m.text for m in QueryMessage.objects.all()] == ["Please."] * 3 + ["Yes."]


def test_of_several_all_are_asked_or_none(world):
    elsewhere = make_world("ELSE-2", prefix="else-")
    with pytest.raises(AccessDenied):
        ask_all(world, world.north, elsewhere.north)
    with pytest.raises(NothingAsked):
        ask_all(world)
    with pytest.raises(EmptyMessage, match="title"):
        querying.raise_query(about=world.north, title=" ", text="What?", actor=world.analyst, at=AT)
    assert not Query.objects.exists()


def test_what_belongs_to_no_site_is_answered_by_the_administrator_alone(world):
    (query,) = ask_all(world, world.trial)
    assert (query.site, query.asked) == (None, "the trial's administrators")
    with pytest.raises(AccessDenied):
        querying.answer_query(query=query, text="Mine", actor=world.coordinator, at=AT)
    querying.answer_query(query=query, text="It is so.", actor=world.administrator, at=AT)
    assert query.state == QueryState.ANSWERED


# --- the thread


def test_both_sides_and_the_administrator_may_add_to_a_thread_and_nobody_else(world, query):
    speakers = [world.coordinator, world.analyst, world.administrator]
    for person in speakers:
        querying.comment_on_query(query=query, text="By the way.", actor=person, at=AT)
    for person in (world.other_coordinator, world.people[Role.AUDITOR], world.people[Role.READER], world.outsider):
        with pytest.raises(AccessDenied):
            querying.comment_on_query(query=query, text="By the way.", actor=person, at=AT)
    assert [m.author for m in query.messages.all()] == [world.analyst, *speakers]
    assert Query.objects.get().state == QueryState.OPEN


def test_nothing_is_added_to_a_closed_thread(world, query):
    querying.close_query(query=query, actor=world.analyst, at=AT)
    with pytest.raises(QueryClosed, match="Open it again first"):
        querying.comment_on_query(query=query, text="One more.", actor=world.coordinator, at=AT)


def test_asking_again_needs_a_reason_and_is_due_anew(world, query):
    later = AT + dt.timedelta(days=20)
    querying.answer_query(query=query, text="No.", actor=world.coordinator, at=AT + dt.timedelta(days=1))
    querying.close_query(query=query, actor=world.analyst, at=later)
    with pytest.raises(ReasonRequired):
        querying.reopen_query(query=query, text=" ", actor=world.analyst, at=later)
    querying.reopen_query(query=query, text="Found one.", actor=world.analyst, at=later)
    stored = Query.objects.get()
    assert (stored.due_on, stored.closed_at) == (dt.date(2026, 3, 29), None)
    # How long the site took for its first answer stays.
    assert stored.answered_at == AT + dt.timedelta(days=1)
    assert AuditEvent.objects.get(action="query.reopen").reason == "Found one."


# --- what waits for them


@pytest.mark.parametrize(("blocks", "refused"), [([], False), (["clearance"], True)])
def test_a_step_waits_for_the_timepoints_queries_where_the_charter_says_so(db, own_disk, blocks, refused):
    world = make_world(charter={"queries": {"blocks": blocks}})
    timepoint = world.timepoint("N-001", "BL")
    query = querying.raise_query(about=timepoint, title="Where?", text="Please.", actor=world.analyst, at=AT)
    if refused:
        with pytest.raises(QueriesOpen, match="1 query about this timepoint is not closed"):
            querying.require_closed(timepoint, step="clearance")
        querying.close_query(query=query, actor=world.analyst, at=AT)
    querying.require_closed(timepoint, step="clearance")
