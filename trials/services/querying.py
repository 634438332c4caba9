"""Queries: asking a site about its records, talking it over, answering, closing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db import transaction

from compliance import access, audit
from compliance.errors import HouseError
from compliance.models import Record, User
from compliance.transitions import advance
from trials import selectors
from trials.askable import About
from trials.models import ImagingCharter, Query, QueryMessage, Timepoint, Trial
from trials.query_terms import QueryTerms
from trials.services import telling
from trials.states import QueryState

#: Days until a query is due before a charter is in force.
_USUAL_DAYS = 7


class EmptyMessage(HouseError):
    """A query or answer without words."""

    code = "empty_message"
    status = 422


class NothingAsked(HouseError):
    """No record was chosen to ask about."""

    code = "nothing_asked"
    status = 422


class QueryClosed(HouseError):
    """Something was to be said on a thread that is closed."""

    code = "query_closed"
    status = 409


class QueriesOpen(HouseError):
    """The charter lets a step wait for the timepoint's queries, and some are not closed."""

    code = "queries_open"
    status = 409


def _say(query: Query, text: str, actor: User, at: dt.datetime) -> QueryMessage:
    if not text.strip():
        raise EmptyMessage("The message is empty. Write what the other side needs to know.")
    message = QueryMessage(query=query, author=actor, at=at, text=text.strip())
    return audit.save(message, action="querymessage.written", actor=actor, at=at)


def _due_on(trial: Trial, timepoint: Timepoint | None, at: dt.datetime) -> dt.date:
    charter: ImagingCharter | None = timepoint.charter if timepoint else trial.charter_in_force
    return at.date() + dt.timedelta(days=charter.terms.query_due_days if charter else _USUAL_DAYS)


def raise_queries(*, about: Sequence[About], title: str, text: str, actor: User, at: dt.datetime) -> Sequence[Query]:
    """Ask the same about several records in one act: a query each, so that each is answered by itself.

    A query is due as the charter says under which its timepoint was planned.

    Raises
    ------
    NothingAsked
        No record is named.
    """
    if not about:
        raise NothingAsked("Nobody was asked, because no record was chosen. Choose at least one.")
    for one in about:
        access.require(actor, "trials.raise_query", one.record)
    with transaction.atomic():
        raised = [_raise(one, title.strip(), text, actor, at) for one in about]
        telling.asked(raised, at=at)
    return raised


def _raise(about: About, title: str, text: str, actor: User, at: dt.datetime) -> Query:
    if not title:
        raise EmptyMessage("The query has no title. Say in a few words what it asks.")
    scope, timepoint = about.record.scope(), about.timepoint
    trial = Trial.objects.get(pk=scope.trial_id or 0)
    query = Query(
        trial=trial,
        site_id=scope.site_id,
        timepoint=timepoint,
        about_type=audit.label_of(about.record),
        about_id=about.record.pk,
        about_field=about.field,
        about_label=about.label[:200],
        title=title,
        raised_by=actor,
        raised_at=at,
        due_on=_due_on(trial, timepoint, at),
    )
    audit.save(query, action="query.raised", actor=actor, at=at)
    _say(query, text, actor, at)
    return query


def raise_query(*, about: Record, title: str, text: str, actor: User, at: dt.datetime) -> Query:
    """Ask about one record."""
    return raise_queries(about=[About(about)], title=title, text=text, actor=actor, at=at)[0]


def comment_on_query(*, query: Query, text: str, actor: User, at: dt.datetime) -> QueryMessage:
    """Say something on a thread that is not closed; whose turn it is stays as it was."""
    access.require(actor, "trials.discuss_query", query)
    with transaction.atomic():
        # The row is held, so that the thread is not closed meanwhile.
        state = Query.objects.select_for_update().values_list("state", flat=True).get(pk=query.pk)
        if state == QueryState.CLOSED:
            raise QueryClosed("The query is closed, so nothing is added to it. Open it again first.")
        return _say(query, text, actor, at)


def answer_query(*, query: Query, text: str, actor: User, at: dt.datetime) -> Query:
    """Answer a query, as who is asked."""
    with transaction.atomic():
        advance(query, "answer", actor=actor, at=at, answered_at=query.answered_at or at)
        _say(query, text, actor, at)
        telling.answered(query, at=at)
    return query


def close_query(*, query: Query, actor: User, at: dt.datetime, text: str = "") -> Query:
    """Close a query that needs nothing more."""
    with transaction.atomic():
        if text.strip():
            _say(query, text, actor, at)
        advance(query, "close", actor=actor, at=at, closed_at=at)
    return query


def reopen_query(*, query: Query, text: str, actor: User, at: dt.datetime) -> Query:
    """Ask again on the same thread, with the reason; it is due anew."""
    due_on = _due_on(query.trial, query.timepoint, at)
    with transaction.atomic():
        advance(
            query,
            "reopen",
            actor=actor,
            at=at,
            reason=text,
            due_on=due_on,
            closed_at=None,
            reminded_at=None,
            escalated_at=None,
        )
        _say(query, text, actor, at)
        telling.asked([query], at=at)
    return query


def require_closed(timepoint: Timepoint, *, step: str) -> None:
    """Raise `QueriesOpen` if the charter lets this step wait for the timepoint's queries, and one is not closed."""
    if step not in terms_of(timepoint.charter).blocks:
        return
    if count := selectors.open_queries_at(timepoint).count():
        raise QueriesOpen(
            f"{count} {'queries' if count > 1 else 'query'} about this timepoint {'are' if count > 1 else 'is'} not "
            "closed, and the charter lets this step wait for them. Close them first."
        )


def terms_of(charter: ImagingCharter | None) -> QueryTerms:
    """Return what a charter says of queries; before one is in force, what is usual."""
    return charter.terms.queries if charter else QueryTerms()
