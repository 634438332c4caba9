"""Reminders before and after queries are due, and escalation; may be run at any time, and twice."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from compliance import audit
from trials.models import Query, Trial
from trials.query_terms import QueryTerms
from trials.services import telling
from trials.services.querying import terms_of
from trials.states import QueryState, TrialState


def remind(*, at: dt.datetime) -> None:
    """Remind and escalate in every trial, as its charters say."""
    asking = Query.objects.filter(state=QueryState.OPEN).exclude(trial__state=TrialState.LOCKED)
    for trial in Trial.objects.filter(pk__in=asking.values("trial")):
        remind_in(trial, at=at)


def remind_in(trial: Trial, *, at: dt.datetime) -> None:
    """Remind and escalate in one trial.

    That it was done stands on each query and in the trail, in the transaction that writes the mails. So a sweep that
    comes late does what is due, one that comes twice does nothing more, and two at once do it once.
    """
    usual = terms_of(trial.charter_in_force)
    with transaction.atomic():
        waiting = Query.objects.filter(trial=trial, state=QueryState.OPEN).select_for_update(of=("self",))
        queries = list(waiting.select_related("trial", "site", "timepoint__charter").order_by("due_on", "pk"))
        terms = {query.pk: terms_of(query.timepoint.charter) if query.timepoint else usual for query in queries}
        to_remind = [query for query in queries if is_to_remind(query, terms[query.pk], at)]
        to_escalate = [query for query in queries if is_to_escalate(query, terms[query.pk], at)]
        for query in to_remind:
            query.reminded_at = at
            audit.save(query, action="query.reminded", actor=None, at=at)
        for query in to_escalate:
            query.escalated_at = at
            audit.save(query, action="query.escalated", actor=None, at=at)
        if to_remind:
            telling.reminded(to_remind, at=at)
        if to_escalate:
            telling.escalated(trial, to_escalate, at=at)


def is_to_remind(query: Query, terms: QueryTerms, at: dt.datetime) -> bool:
    """Tell whether a query's site is to be reminded: once before it is due, then each so many days after it."""
    today, last = at.date(), query.reminded_at.date() if query.reminded_at else None
    if today <= query.due_on:
        return last is None and query.due_on - today <= dt.timedelta(days=terms.remind_days_before)
    if not terms.remind_every_days:
        return False
    return last is None or last <= query.due_on or (today - last).days >= terms.remind_every_days


def is_to_escalate(query: Query, terms: QueryTerms, at: dt.datetime) -> bool:
    """Tell whether the administrators are to hear of a query: once, until it is asked again."""
    late = (at.date() - query.due_on).days
    return query.escalated_at is None and 0 < terms.escalate_days_after <= late
