"""Which events of a trial's audit trail are meant: by words, days, person, or a record with all that belongs to it."""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import ForeignKey, Model, Q, QuerySet, TextField
from django.db.models.functions import Cast

from compliance import audit
from compliance.models import AuditEvent, Record
from trials.models import Membership, Query, QueryMessage, Subject, Trial
from trials.selectors import event_mentions

#: Who acts where nobody does.
SYSTEM = "system"
#: What the trail calls a subject.
SUBJECT = Subject._meta.label_lower
#: Numbers of rows have no more digits in any database.
_DIGITS = 18

#: Foreign keys by which a kind of record leads to another.
Way = tuple[ForeignKey[Any, Any], ...]


@dataclass(frozen=True, slots=True)
class Selection:
    """A part of a trail.

    Attributes
    ----------
    words
        What each event mentions.
    first_on, last_on
        Whole days (UTC), both included.
    kind, key
        The record that they are about, as the trail names it; `whole`: or about what belongs to it.
    person
        The number of who acted, or `SYSTEM`.
    """

    words: str = ""
    first_on: dt.date | None = None
    last_on: dt.date | None = None
    kind: str = ""
    key: str = ""
    whole: bool = False
    person: str = ""

    @property
    def query(self) -> dict[str, str]:
        """The parameters of an address that ask for it."""
        given = {
            "q": self.words,
            "first_on": self.first_on.isoformat() if self.first_on else "",
            "last_on": self.last_on.isoformat() if self.last_on else "",
            "record": f"{self.kind}:{self.key}" if self.key else "",
            "whole": "1" if self.key and self.whole else "",
            "person": self.person,
        }
        return {name: value for name, value in given.items() if value}


def selected(trial: Trial, wanted: Selection) -> QuerySet[AuditEvent]:
    """Return the events of a trial that are meant, newest first."""
    events = AuditEvent.objects.filter(trial_id=trial.pk)
    if wanted.first_on:
        events = events.filter(at__gte=dt.datetime.combine(wanted.first_on, dt.time(), dt.UTC))
    if wanted.last_on:
        events = events.filter(at__lte=dt.datetime.combine(wanted.last_on, dt.time.max, dt.UTC))
    for word in wanted.words.split():
        events = events.filter(event_mentions(word))
    if wanted.key:
        events = events.filter(_about(trial, wanted))
    if wanted.person:
        events = events.filter(actor=None if wanted.person == SYSTEM else int(wanted.person))
    return events.order_by("-id")


def is_number(text: str) -> bool:
    """Tell whether a text can be the number of a row."""
    return text.isascii() and text.isdecimal() and len(text) <= _DIGITS


def label(trial: Trial, wanted: Selection) -> str:
    """Return the name of the record that is meant, as the trail had it last; empty where no event is about it."""
    events = AuditEvent.objects.filter(trial_id=trial.pk, object_type=wanted.kind, object_id=wanted.key)
    return events.order_by("-pk").values_list("object_label", flat=True).first() or ""


def people(trial: Trial, wanted: Selection) -> dict[str, str]:
    """Return who can be asked for, name by number: who ever had a role, the system, and who is asked for now."""
    members = Membership.objects.filter(trial=trial).select_related("user")
    known = {str(one.user_id): one.user.full_name or one.user.username for one in members}
    if wanted.person and wanted.person != SYSTEM:
        events = AuditEvent.objects.filter(trial_id=trial.pk, actor=int(wanted.person)).order_by("-pk")
        known.setdefault(wanted.person, events.values_list("actor_name", flat=True).first() or "somebody else")
    return dict(sorted(known.items(), key=lambda one: one[1].casefold())) | {SYSTEM: "the system"}


def key_of_subject(trial: Trial, code: str) -> str:
    """Return the key of a trial's subject; the code itself, which is nobody's key, where there is none."""
    found = trial.subjects.filter(code=code).values_list("pk", flat=True).first()
    return f"“{code}”" if found is None else str(found)


def _about(trial: Trial, wanted: Selection) -> Q:
    """Condition: an event is about the record, or about one that belongs to it."""
    found = Q(object_type=wanted.kind, object_id=wanted.key)
    root = next((kind for kind in audit.regulated() if kind._meta.label_lower == wanted.kind), None)
    if not wanted.whole or root is None or not is_number(wanted.key):
        return found
    events = AuditEvent.objects.filter(trial_id=trial.pk).order_by()
    there = set(events.values_list("object_type", flat=True).distinct())
    gone = events.filter(before__isnull=False, after__isnull=True)
    lost = set(gone.values_list("object_type", flat=True).distinct())
    for kind, belongs, way in _below(root, int(wanted.key)):
        name = kind._meta.label_lower
        if name in there:
            keys = kind._base_manager.filter(belongs).annotate(key_in_trail=Cast("pk", TextField()))
            found |= Q(object_type=name, object_id__in=keys.values("key_in_trail"))
        if name in lost and way:
            removed = _removed(gone.filter(object_type=name), way, int(wanted.key))
            found |= Q(object_type=name, object_id__in=removed)
    return found


def _below(root: type[Record], key: int) -> Iterator[tuple[type[Record], Q, Way]]:
    """Return the kinds of record that can belong to a record, with the condition that one does, and the way by keys."""
    asked = {"about_type": root._meta.label_lower, "about_id": key}
    for kind in audit.regulated():
        way = () if kind is root else way_to(kind, root)
        belongs = Q(**{"__".join(step.name for step in way): key}) if way else Q(pk__in=[])
        # A query names what it is about as the trail does, whatever kind that is.
        if kind is Query:
            belongs |= Q(**asked)
        elif kind is QueryMessage:
            belongs |= Q(**{f"query__{name}": value for name, value in asked.items()})
        elif not way:
            continue
        yield kind, belongs, way


def way_to(kind: type[Model], root: type[Model]) -> Way:
    """Return the shortest way from a kind of record to another over keys that each row has.

    Where there is none, over keys that a row may lack; nothing if there is none either.
    """
    return _way_to(kind, root, lambda key: not key.null) or _way_to(kind, root, lambda key: True)


def _way_to(kind: type[Model], root: type[Model], goes: Callable[[ForeignKey[Any, Any]], bool]) -> Way:
    waiting: deque[tuple[type[Model], Way]] = deque([(kind, ())])
    seen = {kind}
    while waiting:
        here, way = waiting.popleft()
        for key in _keys(here):
            there = key.related_model
            assert isinstance(there, type)
            if there in seen or not goes(key):
                continue
            if there is root:
                return (*way, key)
            seen.add(there)
            waiting.append((there, (*way, key)))
    return ()


def _keys(kind: type[Model]) -> list[ForeignKey[Any, Any]]:
    found = [field for field in kind._meta.concrete_fields if isinstance(field, ForeignKey)]
    return sorted(found, key=lambda field: field.name)


def _removed(events: QuerySet[AuditEvent], way: Way, key: int) -> list[str]:
    """Return the keys of records that are there no more and belonged to a record, by what was kept of them."""
    first, *rest = way
    holders: Collection[Any] = {key}
    if rest:
        assert isinstance(first.related_model, type)
        there = first.related_model._base_manager.filter(**{"__".join(step.name for step in rest): key})
        holders = set(there.values_list("pk", flat=True))
    kept = events.values_list("object_id", "before").iterator()
    return [number for number, before in kept if (before or {}).get(first.attname) in holders]
