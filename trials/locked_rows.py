"""A locked trial in the database itself: its triggers refuse to add, change or remove a record of such a trial.

So it is with the records of a frozen subject (`trials.frozen_sql`): made, put aside and missed together with these.

Services refuse by `Record.frozen_by`; whoever goes past them (a shell, `QuerySet.update`, plain SQL) meets these. They
are derived from the models: each regulated record of which a foreign key leads to the trial, but for `GOING_ON`. Each
asks one question of the trial, by primary keys alone.

They are made after each `migrate` that finds them not as they should be, and put aside before one that has something
to do: SQLite copies a table to change it and the copy has no triggers, and no table is renamed that a trigger names.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

from django.apps.registry import Apps
from django.db import connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from compliance.models import Record
from trials import frozen_sql, locked_sql
from trials.locked_sql import OURS

#: Records of a trial that its lock does not close, and why.
GOING_ON: Mapping[str, str] = {
    "trials.Unlock": "the lock is taken off by it; what is decided changes no more, by triggers of its own",
    "trials.Freeze": "what it closes the lock closes too; it is kept as it was signed, by triggers of its own",
    "trials.FrozenSubject": "a part of a freeze",
    "trials.Membership": "people come and go, and their roles end",
    "trials.EmergencyAccess": "roles are taken, and end, after the lock as well",
    "trials.AccessReview": "people come and go, and who still has access is gone over after the lock as well",
    "trials.RoleTraining": "people go on working on what is locked, and are trained for it",
    "trials.TrainingRecord": "people go on working on what is locked, and are trained for it",
    "trials.TrailReview": "the trail goes on after the lock, and is gone over",
    "trials.Webhook": "that the trial is locked is news, and webhooks end",
    "trials.SiteToken": "a secret must be taken back at any time",
    "trials.CalendarAddress": "a secret must be taken back at any time",
    "trials.ApplicationEntity": "a scanner that still sends must be turned away",
    "trials.Redaction": "a name that strayed into the trail has to go at any time",
    "trials.RedactedEvent": "a name that strayed into the trail has to go at any time",
    "imaging.ArchiveToken": "a secret must be taken back at any time",
    "reading.ReadToken": "a secret must be taken back at any time",
    "reading.Unblinding": "it may be found out after the lock, and is assessed then",
    "reading.AffectedSubject": "a part of what is found out",
    "reading.DispatchPlan": "the package is sent after the lock, and plans end",
    "imaging.Commitment": "senders ask on whether their images are safe",
    "imaging.ConnectionTest": "a connection may serve another trial",
    "imaging.Transfer": "what still comes lies in quarantine, and nothing is made of it",
    "imaging.ReceivedInstance": "what still comes lies in quarantine; originals leave by the charter's rule",
    "imaging.PixelReview": "looks at what lies in quarantine",
    "imaging.FaceReview": "looks at what lies in quarantine",
    "imaging.KnownPatient": "keyed digests of hospitals' numbers, which are erased where the law asks for it",
}
#: Fields that may change after a lock all the same.
MOVABLE: Mapping[str, tuple[str, ...]] = {
    # Pictures are erased where consent was withdrawn; the row says so, and no package does.
    "imaging.Instance": ("stored_state",),
}


def guarded(apps: Apps) -> Iterator[type[models.Model]]:
    """Return the kinds of record that a lock closes, the trial among them."""
    for model in sorted(apps.get_models(), key=lambda model: model._meta.label):
        label = model._meta.label
        if label in GOING_ON or locked_sql.way_of(model) is None:
            continue
        # Models of a migration's own registry have no such base; what is unregulated there is so everywhere.
        if issubclass(_known(label) or model, Record):
            yield model


def _known(label: str) -> type[models.Model] | None:
    from django.apps import apps

    try:
        return apps.get_model(label)
    except LookupError:
        return None


def _wanted(apps: Apps, vendor: str, schema: str) -> dict[str, tuple[str, ...]]:
    kinds, given = list(guarded(apps)), {"vendor": vendor, "schema": schema}
    return {
        **locked_sql.triggers(apps, kinds, MOVABLE, **given),
        **frozen_sql.triggers(apps, kinds, MOVABLE, **given),
    }


def standing(*, using: str = "default") -> dict[str, str]:
    """Return the triggers that are there and fire, by name, each with its table."""
    connection = connections[using]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT t.tgname, c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
                "WHERE c.relnamespace = current_schema()::regnamespace AND t.tgenabled IN ('O', 'A') "
                "AND starts_with(t.tgname, %s)",
                [OURS],
            )
        else:
            cursor.execute(
                "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger' AND substr(name, 1, %s) = %s",
                [len(OURS), OURS],
            )
        return dict(cursor.fetchall())


def _schema(connection: BaseDatabaseWrapper) -> str:
    if connection.vendor != "postgresql":
        return ""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        return f'"{cursor.fetchone()[0]}".'


def put_aside(*, using: str = "default") -> None:
    """Remove the triggers, so that tables can change."""
    _remove(connections[using], standing(using=using))


def _remove(connection: BaseDatabaseWrapper, names: Mapping[str, str]) -> None:
    with connection.cursor() as cursor:
        for name, table in names.items():
            if connection.vendor == "postgresql":
                cursor.execute(f'DROP TRIGGER "{name}" ON "{table}"')
                cursor.execute(f'DROP FUNCTION "{name}"()')
            else:
                cursor.execute(f'DROP TRIGGER "{name}"')


def put_up(apps: Apps, *, using: str = "default") -> None:
    """Make the triggers that are not there, and remove those that are not as they should be."""
    connection = connections[using]
    wanted, there = _wanted(apps, connection.vendor, _schema(connection)), standing(using=using)
    with transaction.atomic(using=using):
        _remove(connection, {name: table for name, table in there.items() if name not in wanted})
        with connection.cursor() as cursor:
            for name in wanted.keys() - there.keys():
                for statement in wanted[name]:
                    cursor.execute(statement)


def are_up(*, using: str = "default") -> bool:
    """Tell whether the database refuses to change a locked trial: every trigger is there, and none is switched off."""
    from django.apps import apps

    connection = connections[using]
    return _names(apps, connection.vendor, _schema(connection)) <= standing(using=using).keys()


@functools.cache
def _names(apps: Apps, vendor: str, schema: str) -> frozenset[str]:
    return frozenset(_wanted(apps, vendor, schema))


def wait_for_writers(number: int, *, using: str = "default") -> None:
    """Wait until nobody else changes a record of this trial, and let nobody until the transaction ends.

    SQLite has one writer at a time anyhow.
    """
    connection = connections[using]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [locked_sql.ADVISORY, number % 2147483647])


def before_migrations(*, plan: Any = None, using: str = "default", **_: Any) -> None:
    """Hear that `migrate` begins; the plan is empty where it has nothing to do."""
    if plan:
        put_aside(using=using)


def after_migrations(*, plan: Any = None, apps: Apps | None = None, using: str = "default", **_: Any) -> None:
    """Hear that `migrate` is done. Who empties a test's database sends the same signal, without a plan."""
    if plan is not None and apps is not None:
        put_up(apps, using=using)
