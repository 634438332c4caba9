"""The endpoint package's table of queries; only of a trial that had any.

What people wrote stays in the system: a text may name a person or a day. Beside shifted dates, a date would tell by how
many days they are shifted, so a query is placed by its study day.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator

from django.db.models import Count

from compliance.models import AuditEvent
from reading.exports.csv_table import Column, Table
from reading.exports.locked import LockedTrial
from reading.exports.locked_query import LockedQuery
from trials.models import Query, Subject, Trial
from trials.schedule import study_day
from trials.states import NOT_ENROLLED

QUERIES = Table(
    "queries",
    "Queries",
    "One query on a record of the trial",
    ("query",),
    (
        Column("trial", "Protocol identifier of the trial.", sdtm="STUDYID"),
        Column(
            "query", "Number of the query in this table: by site, subject, visit, and the order of asking.", "integer"
        ),
        Column("site", "Code of the site that was asked; empty: the trial's administrators were."),
        Column("subject", "Subject code; empty where it was about no subject that takes part.", sdtm="SUBJID"),
        Column("timepoint", "Code of the imaging visit; empty where it was about none.", sdtm="VISIT"),
        Column("about", "Kind of record that it was about."),
        Column("item", "Field of that record; empty where it was about the whole."),
        Column("opened_by", "Role in the trial of who asked, as it was then.", "text"),
        Column("opened_day", "Study day of the asking; empty where it was about no subject.", "integer", sdtm="--DY"),
        Column("answered_by", "Role of who answered first; empty where nobody did.", "text"),
        Column("answered_after_days", "Days from the asking to the first answer.", "integer", "days"),
        Column("closed_by", "Role of who closed it last.", "text"),
        Column("closed_after_days", "Days from the asking until it was closed.", "integer", "days"),
        Column("reopened", "How often it was asked again.", "integer"),
        Column("messages", "Messages of the thread, the question included.", "integer"),
    ),
)


def queries(trial: Trial) -> tuple[LockedQuery, ...]:
    """Return the queries of a trial, in an order that codes and the clock decide."""
    acts = _acts(trial)
    subjects = {one.pk: one for one in Subject.objects.filter(trial=trial).exclude(state__in=NOT_ENROLLED)}
    found = Query.objects.filter(trial=trial).select_related("site", "timepoint").annotate(said=Count("messages"))
    told = [(query.raised_at, query.pk, _locked(query, _subject(query, subjects), acts[query.pk])) for query in found]
    told.sort(key=lambda row: (row[2].site, row[2].subject, row[2].timepoint, row[0], row[1]))
    return tuple(query for *_, query in told)


def _acts(trial: Trial) -> defaultdict[int, dict[str, list[str]]]:
    """Return the roles in which each step was taken, by query and step, in order."""
    acts: defaultdict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    events = AuditEvent.objects.filter(trial_id=trial.pk, object_type=Query._meta.label_lower).order_by("id")
    for number, action, role, name in events.values_list("object_id", "action", "role", "actor_name"):
        acts[int(number)][action].append(role or ("system" if name == "system" else ""))
    return acts


def _subject(query: Query, taking_part: dict[int, Subject]) -> Subject | None:
    if query.timepoint:
        return taking_part.get(query.timepoint.subject_id)
    return taking_part.get(query.about_id) if query.about_type == Subject._meta.label_lower else None


def _locked(query: Query, subject: Subject | None, acts: dict[str, list[str]]) -> LockedQuery:
    asked = query.raised_at.date()
    return LockedQuery(
        site=query.site.code if query.site else "",
        subject=subject.code if subject else "",
        timepoint=query.timepoint.code if query.timepoint and subject else "",
        about=query.about_type.rpartition(".")[2],
        item=query.about_field,
        opened_by=_first(acts["query.raised"]),
        opened_day=study_day(asked, subject.reference_date) if subject else None,
        answered_by=_first(acts["query.answer"]),
        answered_after=(query.answered_at.date() - asked).days if query.answered_at else None,
        closed_by=_first(acts["query.close"][::-1]),
        closed_after=(query.closed_at.date() - asked).days if query.closed_at else None,
        reopened=len(acts["query.reopen"]),
        messages=query.said,  # type: ignore[attr-defined]  # counted by the question
    )


def _first(roles: Collection[str]) -> str:
    return next(iter(roles), "")


def rows(trial: LockedTrial) -> Iterator[tuple[object, ...]]:
    """Return the table's rows."""
    for number, one in enumerate(trial.queries, start=1):
        yield (
            *(trial.code, number, one.site, one.subject, one.timepoint, one.about, one.item),
            *(one.opened_by, one.opened_day, one.answered_by, one.answered_after),
            *(one.closed_by, one.closed_after, one.reopened, one.messages),
        )
