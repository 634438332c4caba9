"""The audit trail's one door: each change and each access to images or results is one `AuditEvent`.

Services write records through `save()` and `delete()`, in one transaction with the change itself.
django-auditlog hears the same saves and is the net under this door (`regulate()`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, TypeVar

from auditlog.registry import auditlog
from django.db import models, router, transaction
from django.db.models.deletion import Collector
from django.http import HttpRequest

from compliance import context, rows, sealing
from compliance.announcing import announced
from compliance.errors import HouseError
from compliance.models import AuditEvent, Record, User

R = TypeVar("R", bound=Record)

RoleNames = Callable[[User, int | None], str]
AfterSave = Callable[..., None]
Hearer = Callable[[AuditEvent], None]

_regulated: list[type[Record]] = []
_role_names: list[RoleNames] = []
_after_save: list[AfterSave] = []
_hearers: list[Hearer] = []


class RecordFrozen(HouseError):
    """A closed record was asked to change."""

    code = "record_frozen"
    status = 409


def name_roles_by(role_names: RoleNames) -> None:
    """Let the room that knows memberships say in which role a person acts in a trial."""
    _role_names[:] = [role_names]


def tell_of_changes(after_save: AfterSave) -> None:
    """Let the signatures hear of each changed record, in the transaction of the change."""
    _after_save[:] = [after_save]


def hear_of_events(hearer: Hearer) -> None:
    """Let a room hear of each event, in the transaction that writes it."""
    _hearers[:] = [hearer]


def regulate(*record_types: type[Record]) -> None:
    """Declare record types whose changes the trail must hold; call once, from the room's `ready()`."""
    for record_type in record_types:
        _regulated.append(record_type)
        auditlog.register(record_type, exclude_fields=sorted(record_type.audit_exclude))


def regulated() -> tuple[type[Record], ...]:
    """Return the record types that rooms declared as regulated."""
    return tuple(_regulated)


def plain(value: Any) -> Any:
    """Return a stored value as the trail keeps it, in JSON."""
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()
    if isinstance(value, bool | int | float | str | list | dict) or value is None:
        return value
    return str(value)


def values_of(record: Record) -> dict[str, Any]:
    """Return the record's stored fields as plain JSON values, without the ones it excludes."""
    excluded = record.audit_exclude
    return {
        field.attname: plain(record.trailed(field))
        for field in record._meta.concrete_fields
        if field.name not in excluded
    }


def label_of(record: models.Model) -> str:
    """Return the name under which the trail lists a record's type, e.g. `reading.readtask`."""
    return record._meta.label_lower


def record(
    action: str,
    about: models.Model,
    *,
    actor: User | None,
    at: dt.datetime,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str = "",
) -> AuditEvent:
    """Write one event about one record; `actor` None is the system itself.

    `action` is `<entity>.<verb>`, e.g. `series.viewed`. The caller's transaction holds both the change and
    the event.
    """
    scope = about.scope() if isinstance(about, Record) else (None, None)
    here = context.current()
    event = AuditEvent(
        at=at,
        actor=actor,
        actor_name=(actor.full_name or actor.username) if actor else "system",
        role=_role_names[0](actor, scope[0])[:40] if actor and _role_names else "",
        action=action,
        object_type=label_of(about),
        object_id=str(about.pk),
        object_label=str(about)[:200],
        trial_id=scope[0],
        site_id=scope[1],
        before=before,
        after=after,
        reason=reason,
        request_id=here.request_id,
        via=here.via,
    )
    with transaction.atomic(savepoint=False):
        event.save(force_insert=True)
        sealing.enlist(event)
        for hear in _hearers:
            hear(event)
    return event


def record_of_the_day(action: str, about: models.Model, *, actor: User, at: dt.datetime) -> None:
    """Note what somebody does again and again, such as looking, once for each day, record and person."""
    day = at.date().isoformat()
    known = AuditEvent.objects.filter(
        action=action, object_type=label_of(about), object_id=str(about.pk), actor=actor, after__day=day
    )
    if not known.exists():
        record(action, about, actor=actor, at=at, after={"day": day})


def _refuse_frozen(about: Record) -> None:
    if why := about.frozen_by():
        raise RecordFrozen(
            f"The {about._meta.verbose_name} was not changed, because {why}. "
            "Ask the reading manager for a controlled unlock if a correction is needed."
        )


def save(about: R, *, action: str, actor: User | None, at: dt.datetime, reason: str = "", thaw: bool = False) -> R:
    """Store a record and its event together; an unchanged record writes neither.

    Raises
    ------
    RecordFrozen
        The record is closed (a lock, a signature). `thaw` is for the acts that close or re-open it.
    """
    with transaction.atomic():
        stored = type(about)._base_manager.filter(pk=about.pk).first() if about.pk else None
        if not thaw:
            _refuse_frozen(stored or about)
        before = values_of(stored) if stored else {}
        with announced():
            about.save()
        after = values_of(about)
        changed = [name for name, value in after.items() if before.get(name) != value]
        if stored and not changed:
            return about
        record(
            action,
            about,
            actor=actor,
            at=at,
            before={name: before[name] for name in changed} if stored else None,
            after={name: after[name] for name in changed},
            reason=reason,
        )
        if stored:
            for hear in _after_save:
                hear(about, action=action, actor=actor, at=at)
    return about


def take_out(about: Record, words: Collection[str], instead: str, *, actor: User, at: dt.datetime, reason: str) -> None:
    """Put `instead` where a record says one of these texts; its event does not repeat them (see `redaction`).

    Raises
    ------
    RecordFrozen
        The record is closed.
    """
    with transaction.atomic():
        _refuse_frozen(about)
        named = [field.attname for field in about._meta.concrete_fields if getattr(about, field.attname) in words]
        for name in named:
            setattr(about, name, instead)
        with announced():
            about.save()
        action = f"{about._meta.model_name}.redacted"
        record(action, about, actor=actor, at=at, after=dict.fromkeys(named, instead), reason=reason)


def save_batch(
    records: Sequence[R], *, action: str, about: models.Model, of: str, actor: User | None, at: dt.datetime
) -> Sequence[R]:
    """Store many new records of one kind at once, with one event about what holds them.

    The event lists each record by its number and by the field `of`, so that the history of `about` says which
    records came when. Scans come by the thousand; a row of the trail for each would say nothing more.

    Raises
    ------
    RecordFrozen
        The record that holds them is closed.
    """
    if not records:
        return records
    with transaction.atomic():
        if isinstance(about, Record):
            _refuse_frozen(about)
        with announced():
            rows.insert(records)
        listed = [[one.pk, plain(getattr(one, of))] for one in records]
        record(
            action, about, actor=actor, at=at, after={"count": len(records), "kind": label_of(records[0]), of: listed}
        )
    return records


def change_batch(
    records: Sequence[Record],
    fields: Sequence[str],
    *,
    action: str,
    about: Record,
    of: str,
    at: dt.datetime,
    actor: User | None = None,
) -> None:
    """Store the named fields of many changed records at once, with one event about what holds them.

    The event lists each record by its number and by the field `of`. The caller has locked the rows, and knows
    that none is frozen.
    """
    if not records:
        return
    with transaction.atomic():
        kind = type(records[0])
        with announced():
            kind._base_manager.bulk_update(records, fields)
        listed = [[one.pk, plain(getattr(one, of))] for one in records]
        record(
            action, about, actor=actor, at=at, after={"count": len(records), "kind": label_of(records[0]), of: listed}
        )


def delete(about: Record, *, action: str, actor: User | None, at: dt.datetime, reason: str = "") -> None:
    """Remove a record that may still be removed (a draft's part) and keep its last values in the trail.

    What is removed with it, as a part of it, has an event of its own.
    """
    with transaction.atomic():
        _refuse_frozen(about)
        record(action, about, actor=actor, at=at, before=values_of(about), reason=reason)
        for part in _going_with(about):
            gone = f"{part._meta.model_name}.removed"
            record(gone, part, actor=actor, at=at, before=values_of(part), reason=reason)
        with announced():
            about.delete()


def _going_with(about: Record) -> list[Record]:
    """The regulated records that the database removes together with this one, because they are parts of it."""
    collector = Collector(using=router.db_for_write(type(about)), origin=about)
    collector.collect([about])
    together = [*collector.data.values(), *collector.fast_deletes]
    return [part for some in together for part in some if isinstance(part, Record) and part != about]


def history(about: models.Model) -> models.QuerySet[AuditEvent]:
    """Return the events about one record, newest first."""
    return AuditEvent.objects.filter(object_type=label_of(about), object_id=str(about.pk)).order_by("-id")


def history_of_many(records: Iterable[models.Model]) -> models.QuerySet[AuditEvent]:
    """Return the events about several records as one history, newest first."""
    wanted = models.Q(pk__in=[])
    for about in records:
        wanted |= models.Q(object_type=label_of(about), object_id=str(about.pk))
    return AuditEvent.objects.filter(wanted).order_by("-id")


def latest_of_each(records: Iterable[models.Model], action: str) -> dict[str, AuditEvent]:
    """Return the newest event of a kind about each of several records of one model, by their keys."""
    last = history_of_many(records).filter(action=action).order_by().values("object_id").annotate(last=models.Max("id"))
    return {event.object_id: event for event in AuditEvent.objects.filter(pk__in=last.values("last"))}


def latest_change(trial_id: int, record_types: Iterable[type[models.Model]]) -> int:
    """Return the number of a trial's last event that changed a record of these kinds; 0 before the first."""
    kinds = [record_type._meta.label_lower for record_type in record_types]
    events = AuditEvent.objects.filter(trial_id=trial_id, object_type__in=kinds).exclude(action__endswith=".viewed")
    return events.order_by("-pk").values_list("pk", flat=True).first() or 0


def denied(request: HttpRequest, verb: str, at: dt.datetime, about: object = None) -> None:
    """Record that somebody asked for what is not theirs. The address asked for is kept without its query."""
    if not isinstance(request.user, User):
        return
    record(
        "access.denied",
        about if isinstance(about, models.Model) else request.user,
        actor=request.user,
        at=at,
        after={"verb": verb, "method": request.method or "", "path": request.path[:200]},
    )
