"""A locked trial resists every way of changing it: pages, API, services, the ORM in a shell, and plain SQL."""

from __future__ import annotations

import datetime as dt
import hashlib
import threading
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.db import IntegrityError, ProgrammingError, connection, models, transaction
from django.test import Client
from django.urls import reverse

from compliance import audit, exporting, signing
from compliance.audit import RecordFrozen
from compliance.models import AuditEvent, Signature, Supersession, User
from compliance.transitions import IllegalMove, advance, advance_batch
from imaging.models import Fingerprint, Instance, ReceivedInstance, Series, SeriesDisplay, Transfer
from imaging.states import OriginalState
from reading.exports.endpoint_package import EndpointPackage
from reading.exports.locked import lock_identifier
from reading.exports.snapshot import snapshot
from reading.models import Assessment, Lesion, Measurement, ReaderExclusion, ReadTask
from reading.services.locking import readiness
from reading.services.packaging import build_package
from tests.reading.exports import recorded
from trials import locked_rows
from trials.models import ImagingCharter, Membership, Query, QueryMessage, Role, Site, Subject, Timepoint, Trial
from trials.services import querying, setting_up

AT = dt.datetime(2026, 3, 3, 9, 0, tzinfo=dt.UTC)
pytestmark = pytest.mark.requirement("REQ-LOC-002")

GUARDED = sorted(locked_rows.guarded(apps), key=lambda model: model._meta.label)
REFUSED = "the database of its trial is locked"
#: What the role of the application is given, as `docs/lock.md` has it.
ROLE = (
    "CREATE ROLE parallax_app",
    "GRANT USAGE ON SCHEMA public TO parallax_app",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO parallax_app",
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO parallax_app",
    "SET LOCAL ROLE parallax_app",
)
#: Keys that may be empty, but not all of them.
ALSO_NEEDED = {(ReaderExclusion, "subject")}


def digest_of_tables() -> str:
    """One digest over every row that a lock closes."""
    said = hashlib.sha256()
    for model in GUARDED:
        for row in model._base_manager.order_by("pk").values_list():
            said.update(repr(row).encode())
    return said.hexdigest()


def _value(field: models.Field[Any, Any]) -> Any:
    """Something that fits into a column; rows of tables that the recorded trial leaves empty are made of it."""
    if field.has_default():
        return field.get_default()
    if field.null:
        return None
    if isinstance(field, models.UUIDField):
        return uuid.uuid4()
    if isinstance(field, models.DateTimeField):
        return AT
    if isinstance(field, models.DateField):
        return AT.date()
    if isinstance(field, models.JSONField | models.BooleanField):
        return {} if isinstance(field, models.JSONField) else False
    return 1 if isinstance(field, models.IntegerField) else "A1"


def _row_of(model: type[models.Model]) -> models.Model:
    """Return a row of a table, made if there is none, with all that it hangs on."""
    if (found := model._base_manager.order_by("pk").first()) is not None:
        return found
    made = {}
    for field in model._meta.concrete_fields:
        if isinstance(field, models.ForeignKey):
            if not field.null or (model, field.name) in ALSO_NEEDED:
                made[field.name] = _row_of(field.related_model)
        elif not field.primary_key:
            made[field.name] = _value(field)
    # Past the signals, which would say in words what such a row is about.
    return model._base_manager.bulk_create([model(**made)])[0]


@pytest.fixture
def trial(db: None) -> Trial:
    """A locked trial with at least one row in each table that the lock closes."""
    trial = recorded.written()
    for model in GUARDED:
        _row_of(model)
    return recorded.lock(trial)


@pytest.fixture
def unchanged(trial: Trial) -> Iterator[None]:
    """After the test every table is as it was, and so is everything that the package is built from."""
    before = digest_of_tables(), lock_identifier(snapshot(trial))
    yield
    assert (digest_of_tables(), lock_identifier(snapshot(Trial.objects.get()))) == before


@pytest.fixture
def same_package(trial: Trial) -> Iterator[None]:
    """The package built again after the test has the same bytes."""
    before = exporting.pack(EndpointPackage(), snapshot(trial)).data
    yield
    assert exporting.pack(EndpointPackage(), snapshot(Trial.objects.get())).data == before


def refused(act: Callable[[], object]) -> None:
    with pytest.raises(IntegrityError, match=REFUSED), transaction.atomic():
        act()


def sql(statement: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def test_each_regulated_record_of_a_trial_is_closed_by_its_lock_or_listed_with_a_reason():
    of_trials = {model for model in audit.regulated() if locked_rows.locked_sql.way_of(model) is not None}
    going_on = {apps.get_model(label) for label in locked_rows.GOING_ON}
    assert of_trials == set(GUARDED) | going_on
    assert not set(GUARDED) & going_on
    assert all(locked_rows.GOING_ON.values())


def test_there_is_no_administration_site_that_goes_past_the_services():
    assert "django.contrib.admin" not in settings.INSTALLED_APPS


class TestPlainSql:
    def test_no_row_of_any_table_is_changed_or_removed(self, trial, unchanged, same_package):
        for model in GUARDED:
            where = f"{model._meta.db_table} %s WHERE id = {_row_of(model).pk}"
            for field in model._meta.concrete_fields:
                if field.name not in locked_rows.MOVABLE.get(model._meta.label, ()):
                    other = "id + 1000000" if field.primary_key else "NULL"
                    refused(partial(sql, "UPDATE " + where % f'SET "{field.column}" = {other}'))
            refused(partial(sql, "DELETE FROM " + where % ""))  # noqa: S608

    def test_no_row_is_added_by_whatever_key_it_names_the_trial(self, trial, unchanged):
        for model in GUARDED:
            for way in locked_rows.locked_sql.as_table(model).ways:
                field = next(f for f in model._meta.concrete_fields if f.column == way.column)
                parent = _row_of(field.related_model).pk
                refused(partial(sql, f'INSERT INTO {model._meta.db_table} ("{way.column}") VALUES ({parent})'))  # noqa: S608

    def test_no_row_of_another_trial_is_given_to_it(self, trial, unchanged):
        other = Trial.objects.create(code="FREE", title="T", sponsor_name="S", created_at=AT)
        site = Site.objects.create(trial=other, code="Z", name="Z", created_at=AT)
        refused(lambda: sql("UPDATE trials_site SET trial_id = %s WHERE id = %s", trial.pk, site.pk))
        site.name = "A site whose trial goes on"
        site.save()
        site.delete()
        other.delete()

    def test_the_lock_itself_is_not_taken_off(self, trial, unchanged):
        refused(lambda: sql("UPDATE trials_trial SET state = 'running', locked_at = NULL"))
        refused(lambda: sql("UPDATE trials_trial SET locked_at = '2026-01-01'"))
        refused(lambda: sql("DELETE FROM trials_trial"))

    @pytest.mark.skipif(connection.vendor != "sqlite", reason="a statement of SQLite")
    def test_no_row_is_replaced(self, trial, unchanged):
        number = Lesion.every.order_by("pk").values_list("pk", flat=True).first()
        refused(lambda: sql("INSERT OR REPLACE INTO reading_lesion SELECT * FROM reading_lesion"))
        assert Lesion.every.filter(pk=number).exists()

    @pytest.mark.postgres
    @pytest.mark.skipif(connection.vendor != "postgresql", reason="statements of PostgreSQL")
    def test_no_table_is_emptied_and_a_table_of_the_same_name_deceives_nobody(self, trial, unchanged):
        sql("SET CONSTRAINTS ALL IMMEDIATE")
        for model in GUARDED:
            refused(partial(sql, f"TRUNCATE {model._meta.db_table} CASCADE"))
        with transaction.atomic():
            sql("CREATE TEMPORARY TABLE trials_trial (id bigint, state text)")
            refused(lambda: sql("UPDATE reading_measurement SET diameter_mm = 1"))
            transaction.set_rollback(True)

    @pytest.mark.postgres
    @pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no roles")
    def test_a_role_that_does_not_own_the_tables_puts_no_trigger_aside(self, trial, unchanged):
        name, table = next(iter(sorted(locked_rows.standing().items())))
        with transaction.atomic():
            for statement in ROLE:
                sql(statement)
            for statement in (
                f'ALTER TABLE "{table}" DISABLE TRIGGER "{name}"',
                f'DROP TRIGGER "{name}" ON "{table}"',
                f'DROP FUNCTION "{name}"() CASCADE',
                f'CREATE OR REPLACE FUNCTION "{name}"() RETURNS trigger LANGUAGE sql AS $$ SELECT NULL $$',
                f'TRUNCATE "{table}" CASCADE',
                "SET session_replication_role = replica",
            ):
                with pytest.raises(ProgrammingError, match=r"must be owner|permission denied"), transaction.atomic():
                    sql(statement)
            sql("UPDATE trials_membership SET ended_at = NULL")
            refused(lambda: sql("UPDATE reading_measurement SET diameter_mm = 1"))
            transaction.set_rollback(True)

    def test_what_was_signed_is_neither_signed_again_nor_ended(self, trial, unchanged):
        about = [trial, ImagingCharter.objects.get(), ReadTask.every.first()]
        person = User.objects.order_by("pk").first()
        for record in about:
            late = Signature(
                signer=person, meaning="approval", at=AT, object_id=str(record.pk), content_sha256="0" * 64
            )
            late.object_type = record._meta.label_lower
            refused(late.save)
        mark = Signature.objects.get(object_type="trials.imagingcharter")
        refused(lambda: Supersession.objects.create(signature=mark, at=AT, action="x", seal=""))


class TestOrm:
    def test_querysets_and_bulk_writes_change_nothing(self, trial, unchanged):
        size = Measurement.objects.first()
        size.diameter_mm = 99
        refused(lambda: Measurement.objects.update(diameter_mm=99))
        refused(lambda: Measurement.objects.bulk_update([size], ["diameter_mm"]))
        refused(lambda: Measurement.objects.all()._raw_delete("default"))
        refused(lambda: Measurement.objects.filter(pk=size.pk).delete())
        refused(lambda: Lesion.every.bulk_create([_copy(Lesion.every.first())]))
        refused(lambda: ReadTask.every.filter(slot=1).update(state="reading"))
        refused(lambda: Series.objects.update(label="Head"))
        refused(lambda: Instance.objects.update(sha256="1" * 64, stored_state=OriginalState.GONE))

    def test_saving_a_record_changes_nothing(self, trial, unchanged):
        read = Assessment.objects.first()
        read.comment = "nothing to see"
        refused(read.save)
        refused(lambda: read.save(update_fields=["comment"]))
        refused(read.task.save)
        refused(_copy(read.task.timepoint).save)


def _copy(record: Any) -> Any:
    """Return a new record that says what another one does."""
    made = type(record)._base_manager.get(pk=record.pk)
    made.pk = None
    made._state.adding = True
    for name, value in {"number": 9, "code": "W99", "order": 9}.items():
        if hasattr(made, name):
            setattr(made, name, value)
    return made


class TestServices:
    def test_the_door_of_the_trail_stays_shut_even_for_acts_that_close_records(self, trial, unchanged):
        for record in (Assessment.objects.first(), Timepoint.objects.first(), Subject.objects.first()):
            field = "comment" if isinstance(record, Assessment) else "code"
            setattr(record, field, "A-999")
            with pytest.raises(RecordFrozen):
                audit.save(record, action="x.changed", actor=None, at=AT)
            refused(lambda r=record: audit.save(r, action="x.changed", actor=None, at=AT, thaw=True))
        refused(lambda: audit.delete(_thawed(Measurement.objects.first()), action="x.gone", actor=None, at=AT))
        assert not AuditEvent.objects.filter(action__startswith="x.").exists()

    def test_steps_of_the_work_are_refused(self, trial, unchanged):
        administrator, analyst = (recorded.member(trial, r) for r in (Role.TRIAL_ADMINISTRATOR, Role.QC_ANALYST))
        say = {"title": "T", "text": "Why?", "actor": analyst, "at": AT}
        for act in (
            lambda: querying.raise_query(about=Subject.objects.first(), **say),
            lambda: setting_up.add_site(trial=trial, code="C", name="C", actor=administrator, at=AT),
            lambda: setting_up.amend_charter(trial=trial, change_summary="More", actor=administrator, at=AT),
        ):
            with pytest.raises(RecordFrozen):
                act()
        with pytest.raises(IllegalMove):
            advance(trial, "lock", actor=administrator, at=AT)


def _thawed(record: Any) -> Any:
    record.frozen_by = lambda: ""
    return record


class TestDoors:
    @pytest.fixture
    def client(self, trial: Trial, client: Client) -> Client:
        client.force_login(recorded.member(trial, Role.TRIAL_ADMINISTRATOR))
        return client

    def test_the_interface_for_programs_refuses_with_the_reason(self, trial, client, unchanged):
        charter, said = ImagingCharter.objects.get(), {}
        for method, url, data in (
            ("post", "/api/v1/sites/", {"trial": trial.pk, "code": "CC", "name": "C"}),
            ("post", f"/api/v1/trials/{trial.pk}/amend/", {"change_summary": "More"}),
            ("patch", f"/api/v1/charters/{charter.pk}/", {"change_summary": "More"}),
        ):
            response = getattr(client, method)(url, data, content_type="application/json")
            assert 400 <= response.status_code < 500, (url, response.status_code)
            said[url] = response.json().get("code")
        assert said["/api/v1/sites/"] == "record_frozen", said

    def test_pages_change_nothing(self, trial, client, unchanged):
        subject, site = Subject.objects.filter(state="enrolled").first(), Site.objects.first()
        for url, data in (
            (reverse("trials:site_add", args=[trial.pk]), {"code": "CC", "name": "C"}),
            (reverse("trials:withdraw", args=[subject.pk]), {"reason": "moved"}),
            (reverse("trials:enrol", args=[site.pk]), {"code": "A-777", "reference_date": "2026-01-05", "arm": ""}),
        ):
            response = client.post(url, data)
            assert response.status_code in (200, 302, 409), (url, response.status_code)


class TestGoingOn:
    """What a lock does not close."""

    def test_people_packages_events_and_what_comes_late(self, trial):
        sponsor = recorded.member(trial, Role.SPONSOR)
        export = build_package(trial=trial, actor=sponsor, at=AT)
        assert export.size
        membership = Membership.objects.get(user=sponsor)
        membership.ended_at = AT
        audit.save(membership, action="membership.end", actor=None, at=AT)
        transfer = Transfer.objects.create(site=Site.objects.first(), door="dimse", sender="CT", opened_at=AT)
        ReceivedInstance.objects.create(
            spool_id=uuid.uuid4(), transfer=transfer, received_at=AT, size=1, file_sha256="0" * 64
        )

    def test_pictures_are_erased_and_the_package_says_the_same(self, trial, unchanged):
        images, subject = Instance.objects.all(), Subject.objects.filter(state="enrolled").first()
        Fingerprint.objects.create(series=Series.objects.first(), content=b"x").delete()
        SeriesDisplay.objects.create(series=Series.objects.first()).delete()
        moved = {"field": "stored_state", "about": subject, "at": AT}
        gone = advance_batch(images, "leave", **moved)
        assert gone == advance_batch(images, "left", **moved) != []
        # The digest of the tables would see it.
        for image in images:
            Instance.objects.filter(pk=image.pk).update(stored_state=OriginalState.KEPT)

    def test_records_of_a_trial_that_is_not_locked_change_as_before(self, trial):
        charter = {"version": 1, "content": {}, "created_at": AT}
        other = Trial.objects.create(code="FREE", title="T", sponsor_name="S", created_at=AT)
        ImagingCharter.objects.create(trial=other, **charter).delete()
        person = User.objects.order_by("pk").first()
        asked = Query.objects.create(
            trial=other, about_type="trials.trial", about_id=1, about_label="x", title="x",
            raised_by=person, raised_at=AT, due_on=AT.date(),
        )  # fmt: skip
        QueryMessage.objects.create(query=asked, author=person, at=AT, text="x").delete()
        asked.delete()
        signing.Signature.objects.create(
            signer=person, meaning="approval", at=AT, object_type="trials.trial", object_id=str(other.pk),
            content_sha256="0" * 64,
        )  # fmt: skip


class TestTriggers:
    @pytest.mark.django_db
    def test_all_are_up_after_the_migrations(self):
        assert locked_rows.are_up()

    def test_where_one_is_missing_no_trial_is_locked_until_it_is_made_again(self, trial):
        other = Trial.objects.create(code="FREE", title="T", sponsor_name="S", created_at=AT)
        sentence = "The database would not refuse to change the locked trial: run “manage.py migrate” first."
        with transaction.atomic():
            name, table = next(iter(sorted(locked_rows.standing().items())))
            sql(f'DROP TRIGGER "{name}"' + (f' ON "{table}"' if connection.vendor == "postgresql" else ""))
            assert not locked_rows.are_up()
            assert sentence in [blocker.sentence for blocker in readiness(other)]
            locked_rows.put_up(apps)
            assert locked_rows.are_up()
            assert sentence not in [blocker.sentence for blocker in readiness(other)]

    @pytest.mark.django_db
    def test_migrations_that_have_something_to_do_put_them_aside(self):
        locked_rows.before_migrations(plan=[])
        assert locked_rows.are_up()
        locked_rows.before_migrations(plan=[("0002_more", False)])
        assert locked_rows.standing() == {}
        # Who empties the database of a test says so without a plan.
        locked_rows.after_migrations(apps=apps)
        assert locked_rows.standing() == {}
        locked_rows.after_migrations(apps=apps, plan=[])
        assert locked_rows.are_up()


@pytest.mark.postgres
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_whoever_locks_waits_for_a_change_under_way_and_the_next_change_is_refused():
    trial = recorded.written()
    changed, may_end, said = threading.Event(), threading.Event(), []

    def change() -> None:
        try:
            with transaction.atomic():
                Site.objects.filter(trial=trial, code="A").update(name="Changed in time")
                changed.set()
                may_end.wait(30)
        finally:
            connection.close()

    def change_later() -> None:
        try:
            refused(lambda: Site.objects.filter(trial=trial, code="B").update(name="Too late"))
            said.append("refused")
        finally:
            connection.close()

    first, later = threading.Thread(target=change), threading.Thread(target=change_later)
    first.start()
    assert changed.wait(30)
    threading.Timer(0.3, may_end.set).start()
    with transaction.atomic():
        locked_rows.wait_for_writers(trial.pk)
        assert may_end.is_set()
        later.start()
        recorded.lock(trial)
    first.join(30)
    later.join(30)
    assert said == ["refused"]
    assert list(Site.objects.order_by("code").values_list("name", flat=True)) == ["Changed in time", "Site B"]
