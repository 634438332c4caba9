"""Every way to write × every regulated record: exactly one event of the trail, or a refusal by the database itself."""

from __future__ import annotations

import code
import datetime as dt
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from django.apps import apps
from django.core import serializers
from django.core.management import call_command
from django.db import DatabaseError, connection, models, transaction
from django.db.migrations.state import ProjectState
from django.db.models import F, ProtectedError
from django.utils import timezone

from compliance import audit, guarding, jobs, rows
from compliance.audit import RecordFrozen
from compliance.models import AuditEvent, Job, Record
from tests.factories import AT
from tests.support import hands
from tests.support.dummies import Dummies

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-AUD-014")]

#: Models of ours that are not regulated, and why each is not.
EXEMPT = {
    "compliance.AuditEvent": "it is the trail: append-only, and what is put in past the chain is found by it",
    "compliance.AuditLink": "it is the trail",
    "compliance.AuditHead": "it is the trail; sealed",
    "compliance.AuditCheckpoint": "it is the trail; signed",
    "compliance.Signature": "append-only and sealed; verify_signatures names a row that the door did not write",
    "compliance.Supersession": "append-only and sealed, as a signature is",
    "compliance.User": "each step of an account is an event about the person; sessions and counters are none",
    "compliance.User_groups": "groups grant nothing in this house",
    "compliance.User_user_permissions": "permissions of this kind grant nothing in this house",
    "compliance.Export": "asking for, building and giving out a package are events of its trial",
    "compliance.Job": "work to do; what it does is recorded where it is done",
    "compliance.AnsweredRequest": "an answer that a program may ask for again, for a day; what was done is recorded",
    "compliance.Mail": "a mail on its way; what it tells of is recorded",
    "trials.TrialGrant": "derived from memberships, which are regulated",
    "trials.SiteGrant": "derived from memberships, which are regulated",
    "imaging.ActionList": "derived from a file, under the digest of its content",
    "imaging.FaceClaim": "who looks at what right now; the look is regulated",
    "imaging.PixelClaim": "who looks at what right now; the look is regulated",
    "imaging.Fingerprint": "derived from files, made anew at any time",
    "imaging.SeriesDisplay": "derived from files, made anew at any time",
    "imaging.RecipePreview": "a trial run for one person, for a short while",
    "imaging.WebUpload": "pieces on their way; the delivery that they become is regulated",
    "imaging.RefusedFile": "a part of an upload; the delivery is regulated",
    "trials.Delivery": "a message on its way; its news is recorded",
    "reading.Dispatch": "a transfer on its way; its receipt is recorded",
    "reading.AgreementReport": "derived from reads, made anew at any time",
    "reading.EndpointReport": "derived from reads, made anew at any time",
}  # fmt: skip
OURS = ("compliance", "trials", "imaging", "reading")
REFUSAL = "audit trail alone"

Write = Callable[[Any, models.Field, Any], Any]


def test_every_model_is_regulated_or_listed_with_a_reason():
    every = {m for m in apps.get_models(include_auto_created=True) if m._meta.app_label in OURS}
    assert {m._meta.label for m in every - set(audit.regulated())} == EXEMPT.keys()


def test_no_regulated_record_is_joined_to_others_by_a_table_of_its_own():
    """Such a table would need its ways to write in the matrix below; the triggers would be there."""
    assert [m for m in audit.regulated() if m._meta.local_many_to_many] == []


@pytest.fixture(scope="module")
def historical() -> Any:
    """The models as a migration has them."""
    return ProjectState.from_apps(apps).apps


@pytest.fixture
def dummies() -> Dummies:
    return Dummies()


@contextmanager
def as_the_house() -> Iterator[None]:
    """Let this test write as the house's own code does."""
    hands.hold_tests_to_the_door()
    try:
        yield
    finally:
        hands.let_tests_write()


def copy_of(row: Any) -> Any:
    copy = type(row)._base_manager.get(pk=row.pk)
    copy._state.adding, copy.pk = True, None
    return copy


def values(row: Any) -> dict[str, Any]:
    return {f.attname: getattr(row, f.attname) for f in row._meta.concrete_fields if not f.primary_key}


def field_of(model: type[models.Model]) -> models.Field:
    """A field that can be changed, also by an expression."""
    plain = [f for f in model._meta.concrete_fields if not f.primary_key and not f.is_relation]
    return min(plain, key=lambda f: not isinstance(f, models.IntegerField | models.CharField | models.TextField))


def sql(statement: str) -> Write:
    """A way to write in SQL; `{columns}` are all of them, `{rest}` all but the key."""

    def write(row: Any, field: models.Field, _: Any) -> None:
        quote, options = connection.ops.quote_name, row._meta
        columns = [quote(f.column) for f in options.concrete_fields]
        said = statement.format(
            table=quote(options.db_table),
            key=quote(options.pk.column),
            column=quote(field.column),
            columns=", ".join(columns),
            pk=row.pk,
        )
        with connection.cursor() as cursor:
            cursor.execute(said)

    return write


def _copied_in(row: Any, *_: Any) -> None:
    copy = f"COPY {connection.ops.quote_name(row._meta.db_table)} FROM STDIN"
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(copy):
        pass


def _by_a_shell(row: Any, *_: Any) -> None:
    refused: list[Exception] = []

    def save() -> None:
        try:
            row.save()
        except DatabaseError as refusal:
            refused.append(refusal)

    code.InteractiveInterpreter({"save": save}).runcode(compile("save()", "<console>", "exec"))
    raise refused[0]


def _by_a_job(row: Any, *_: Any) -> None:
    def save(at: dt.datetime) -> None:
        with transaction.atomic():
            row.save()

    jobs.handler("tests.write")(save)
    try:
        jobs.run(Job.objects.create(kind="tests.write", key="1", args={}, created_at=AT, not_before=AT).pk)
    finally:
        del jobs._handlers["tests.write"]


def _loaded(row: Any, *_: Any) -> None:
    for one in serializers.deserialize("json", io.StringIO(serializers.serialize("json", [row]))):
        one.save()


def _with_f(row: Any, *_: Any) -> None:
    for field in row._meta.concrete_fields:
        kept = getattr(row, field.attname)
        setattr(row, field.attname, kept if field.primary_key else F(field.attname))
        with suppress(TypeError):  # a name or a moment that is printed must be one
            row.save()
        setattr(row, field.attname, kept)


def _queryset(row: Any) -> models.QuerySet[Any]:
    return type(row)._base_manager.filter(pk=row.pk)


def _historical(row: Any, old: Any) -> Any:
    return old.get_model(row._meta.app_label, row._meta.model_name)._base_manager


PAST_THE_DOOR: dict[str, Write] = {
    "save()": lambda row, field, old: row.save(),
    "save() of a new one": lambda row, field, old: copy_of(row).save(),
    "save() of one field": lambda row, field, old: row.save(update_fields=[field.attname]),
    "save() with F()": _with_f,
    "create()": lambda row, field, old: type(row)._base_manager.create(**values(row)),
    "get_or_create()": lambda row, field, old: type(row)._base_manager.get_or_create(pk=-1, defaults=values(row)),
    "update_or_create()": lambda row, field, old: type(row)._base_manager.update_or_create(
        pk=row.pk, defaults={field.attname: getattr(row, field.attname)}
    ),
    "update()": lambda row, field, old: _queryset(row).update(**{field.attname: getattr(row, field.attname)}),
    "bulk_create()": lambda row, field, old: type(row)._base_manager.bulk_create([copy_of(row)]),
    "bulk_create() over conflicts": lambda row, field, old: type(row)._base_manager.bulk_create(
        [copy_of(row)], ignore_conflicts=True
    ),
    "bulk_update()": lambda row, field, old: type(row)._base_manager.bulk_update([row], [field.name]),
    "rows.insert()": lambda row, field, old: rows.insert([copy_of(row)]),
    "delete()": lambda row, field, old: row.delete(),
    "delete() of many": lambda row, field, old: _queryset(row).delete(),
    "_raw_delete()": lambda row, field, old: _queryset(row)._raw_delete(row._state.db),
    "loaddata": _loaded,
    "a shell": _by_a_shell,
    "a job": _by_a_job,
    "a migration's create()": lambda row, field, old: _historical(row, old).create(**values(row)),
    "a migration's save()": lambda row, field, old: _historical(row, old).get(pk=row.pk).save(),
    "a migration's update()": lambda row, field, old: (
        _historical(row, old).filter(pk=row.pk).update(**{field.attname: getattr(row, field.attname)})
    ),
    "a migration's delete()": lambda row, field, old: _historical(row, old).filter(pk=row.pk).delete(),
    "INSERT": sql("INSERT INTO {table} DEFAULT VALUES"),
    "INSERT of a row that is there": sql("INSERT INTO {table} ({columns}) SELECT {columns} FROM {table}"),
    "UPDATE": sql("UPDATE {table} SET {column} = {column} WHERE {key} = {pk}"),
    "DELETE": sql("DELETE FROM {table} WHERE {key} = {pk}"),
    "ON CONFLICT DO UPDATE": sql(
        "INSERT INTO {table} ({columns}) SELECT {columns} FROM {table} WHERE {key} = {pk} "
        "ON CONFLICT ({key}) DO UPDATE SET {column} = excluded.{column}"
    ),
}
SQLITE: dict[str, Write] = {
    "INSERT OR REPLACE": sql("INSERT OR REPLACE INTO {table} ({columns}) SELECT {columns} FROM {table}"),
    "INSERT OR IGNORE": sql("INSERT OR IGNORE INTO {table} ({columns}) SELECT {columns} FROM {table}"),
    "UPDATE OR REPLACE": sql("UPDATE OR REPLACE {table} SET {column} = {column} WHERE {key} = {pk}"),
}
POSTGRESQL: dict[str, Write] = {
    "TRUNCATE": sql("SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE {table} CASCADE"),
    "COPY": _copied_in,
    "WITH": sql("WITH gone AS (DELETE FROM {table} WHERE {key} = {pk} RETURNING 1) SELECT * FROM gone"),
}


def outcome_of(write: Write, row: Record, field: models.Field, old: Any) -> str:
    """What came of a write: `refused` by the triggers, or what happened instead."""
    try:
        with transaction.atomic(), as_the_house():
            write(type(row)._base_manager.get(pk=row.pk), field, old)
    except DatabaseError as refusal:
        return "refused" if REFUSAL in str(refusal) else f"{type(refusal).__name__}: {refusal}"
    return "written"


@pytest.mark.parametrize("model", audit.regulated(), ids=lambda model: model._meta.label)
def test_what_comes_past_the_door_is_refused(model, dummies, historical):
    row, field = dummies.stored(model), field_of(model)
    ways = PAST_THE_DOOR | (POSTGRESQL if connection.vendor == "postgresql" else SQLITE)
    before = AuditEvent.objects.count(), _queryset(row).values().get()

    outcomes = {way: outcome_of(write, row, field, historical) for way, write in ways.items()}

    assert outcomes == dict.fromkeys(ways, "refused")
    assert len(outcomes) >= 25
    assert (AuditEvent.objects.count(), _queryset(row).values().get()) == before


def events_of(step: Callable[[], Any]) -> int | str:
    """How many events a step through the door wrote, or `refused` because the record is closed."""
    before = AuditEvent.objects.count()
    try:
        with transaction.atomic(), as_the_house():
            step()
    except (RecordFrozen, ProtectedError):
        assert AuditEvent.objects.count() == before
        return "refused"
    except DatabaseError as refusal:
        # A table may keep its own rows as they were decided.
        if "was not changed" not in str(refusal):
            raise
        assert AuditEvent.objects.count() == before
        return "refused"
    return AuditEvent.objects.count() - before


@pytest.mark.requirement("REQ-AUD-001")
@pytest.mark.parametrize("model", audit.regulated(), ids=lambda model: model._meta.label)
def test_what_comes_through_the_door_is_one_event(model, dummies):
    """Or none, where nothing changed; a record that is closed by its nature is refused."""
    how: dict[str, Any] = {"actor": None, "at": timezone.now()}
    row = dummies.stored(model)
    trailed = [f for f in model._meta.concrete_fields if f.name not in model.audit_exclude and not f.primary_key]
    field = min(trailed, key=lambda f: (f.is_relation, not isinstance(f, models.DateTimeField)))

    def change() -> None:
        changed = type(row)._base_manager.get(pk=row.pk)
        setattr(changed, field.attname, another(field))
        audit.save(changed, action="tests.changed", **how)

    done = {
        "nothing": events_of(lambda: audit.save(row, action="tests.saved", **how)),
        "change": events_of(change),
    }
    # Made before they are counted: a record may rest on an event.
    fresh = Dummies().unsaved(model)
    done["create"] = events_of(lambda: audit.save(fresh, action="tests.made", **how))
    gone = Dummies().stored(model)
    done["delete"] = events_of(lambda: audit.delete(gone, action="tests.gone", **how))
    assert {what: count for what, count in done.items() if count != "refused"} == {
        what: int(what != "nothing") for what, count in done.items() if count != "refused"
    }


def another(field: models.Field) -> Any:
    """A value that the dummies do not give."""
    if field.is_relation:
        return Dummies().stored(field.related_model).pk
    return {"DateTimeField": timezone.now(), "JSONField": {"a": 1}, "BooleanField": True}.get(
        field.get_internal_type(), "7" if isinstance(field, models.CharField | models.TextField) else 7
    )


def test_what_goes_with_a_record_has_an_event_of_its_own(dummies):
    patient = dummies.stored(apps.get_model("imaging", "KnownPatient"))
    timepoint = patient.timepoint_id
    with as_the_house():
        audit.delete(patient.timepoint, action="timepoint.unplanned", actor=None, at=AT, reason="A typing error")
    assert list(AuditEvent.objects.order_by("-pk").values_list("action", "object_id", "reason")[:2]) == [
        ("knownpatient.removed", str(patient.pk), "A typing error"),
        ("timepoint.unplanned", str(timepoint), "A typing error"),
    ]


def test_a_trigger_that_is_gone_is_said_to_be_and_comes_back_with_the_next_migrate(own_disk):
    assert guarding.missing(connection) == []
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("DROP TRIGGER audited_trials_trial ON trials_trial")
        else:
            cursor.execute("DROP TRIGGER audited_trials_trial_update")
    assert guarding.missing(connection) == ["trials_trial"]
    call_command("verify_audit", stdout=(said := io.StringIO()))
    assert "The table trials_trial can be written past the trail. Run manage.py migrate" in said.getvalue()
    guarding.guard(connection)
    assert guarding.missing(connection) == []
