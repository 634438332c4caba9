"""Queries: asking a site, answering, closing."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from compliance import access, audit
from compliance.errors import HouseError
from compliance.models import User
from compliance.transitions import advance
from trials.models import Query, QueryMessage, Timepoint


class EmptyMessage(HouseError):
    """A query or answer without words."""

    code = "empty_message"
    status = 422


def _say(query: Query, text: str, actor: User, at: dt.datetime) -> QueryMessage:
    if not text.strip():
        raise EmptyMessage("The message is empty. Write what the other side needs to know.")
    message = QueryMessage(query=query, author=actor, at=at, text=text.strip())
    return audit.save(message, action="querymessage.written", actor=actor, at=at)


def raise_query(*, timepoint: Timepoint, title: str, text: str, actor: User, at: dt.datetime) -> Query:
    """Ask a site about a timepoint; the answer is due as the charter says."""
    access.require(actor, "trials.raise_query", timepoint)
    due = at.date() + dt.timedelta(days=timepoint.charter.terms.query_due_days)
    with transaction.atomic():
        query = Query(
            trial=timepoint.trial,
            site=timepoint.site,
            timepoint=timepoint,
            title=title,
            raised_by=actor,
            raised_at=at,
            due_on=due,
        )
        audit.save(query, action="query.raised", actor=actor, at=at)
        _say(query, text, actor, at)
    return query


def answer_query(*, query: Query, text: str, actor: User, at: dt.datetime) -> Query:
    """Answer a query, as its site."""
    with transaction.atomic():
        advance(query, "answer", actor=actor, at=at)
        _say(query, text, actor, at)
    return query


def close_query(*, query: Query, actor: User, at: dt.datetime, text: str = "") -> Query:
    """Close a query that needs nothing more."""
    with transaction.atomic():
        if text.strip():
            _say(query, text, actor, at)
        advance(query, "close", actor=actor, at=at)
    return query


def reopen_query(*, query: Query, text: str, actor: User, at: dt.datetime) -> Query:
    """Ask again on the same thread."""
    with transaction.atomic():
        advance(query, "reopen", actor=actor, at=at)
        _say(query, text, actor, at)
    return query
