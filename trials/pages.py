"""What several pages show and read alike: the queries about what is on them, and which record a form names."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any

from django.db.models import Q
from django.http import HttpRequest

from compliance import access
from compliance.models import Record, User
from trials import forms, selectors
from trials.askable import About
from trials.models import Query, Site, SiteForm, Timepoint, Trial
from trials.selectors_sites import standing_of
from trials.states import QueryState


def queries_on_page(
    user: User, about: Record, trial: Trial, at: dt.datetime, *, also: Q | None = None
) -> dict[str, Any]:
    """What `trials/_queries.html` shows: the queries about a record that the person may see, open ones first.

    Parameters
    ----------
    also
        Further queries that belong on the page, as a condition.
    """
    wanted = selectors.queries_about(about)
    if isinstance(about, Timepoint):
        wanted |= Q(timepoint=about)
    if also is not None:
        wanted |= also
    seen = selectors.with_threads(selectors.queries_seen_by(user).filter(wanted))
    queries = sorted(seen, key=lambda query: (list(QueryState).index(QueryState(query.state)), query.due_on, query.pk))
    return {
        "queries": queries,
        "may_ask": access.may(user, "trials.raise_query", about) and not selectors.is_locked(trial),
        "asks": _asks(about),
        **answerable_among(user, queries),
        "now": at,
    }


def _asks(about: Record) -> str:
    """Return where one asks about a record: among what else there is at its place, with itself chosen."""
    chosen = f"about={About(about).key}"
    if isinstance(about, Timepoint):
        return f"timepoint={about.pk}&{chosen}"
    return f"form={about.pk}&{chosen}" if isinstance(about, SiteForm) else f"site={about.scope().site_id}&{chosen}"


def answerable_among(user: User, queries: Collection[Query]) -> dict[str, Any]:
    """What a list of queries needs so that a person answers in place: the keys of those they may, and the form."""
    asked = {(query.trial_id, query.site_id): query for query in queries if query.state == QueryState.OPEN}
    # Who may answer follows from whom a query asks, so one of each site is enough to tell.
    mine = {place for place, query in asked.items() if access.may(user, "trials.answer_query", query)}
    here = {q.pk for q in queries if q.state == QueryState.OPEN and (q.trial_id, q.site_id) in mine}
    return {"answerable": here, "message_form": forms.MessageForm()}


def gate_on_page(site: Site, at: dt.datetime) -> dict[str, Any]:
    """What a page on which subjects are enrolled says of a site that may not enrol now."""
    standing = standing_of(site, at)
    return {"standing": standing, "missing": f"Missing: {'; '.join(standing.missing)}."}


def number_in(request: HttpRequest, name: str) -> int:
    """Return the number by which a form names a record; 0, which none has, for anything else."""
    said = request.POST.get(name, "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 19 else 0
