"""What is frozen before the lock refuses every change, by any path, until a second person lifts it by signature."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction
from django.test import Client
from django.urls import reverse

from compliance import access, audit, exporting, jobs, signing
from compliance.announcing import announced
from compliance.audit import RecordFrozen
from compliance.exporting import NotLocked
from compliance.models import AuditEvent, Export, Supersession, User
from compliance.signing import ContentChanged, Intent, WrongPassword
from compliance.transitions import ReasonRequired
from reading.exports import endpoint_report
from reading.exports.endpoint_package import VERIFIER
from reading.models import Measurement, ReadTask
from reading.services.freezing import (
    Extent,
    FreezeNotChanged,
    NotReadyToFreeze,
    confirm_interim,
    freeze_subject,
    lift_freeze,
    lock_interim,
    prepared,
)
from reading.services.locking import lock_trial
from reading.services.packaging_interim import (
    build_interim,
    interim_packages_seen_by,
    open_interim,
    packages_of_interim,
)
from reading.services.reopening import ask_reopening
from reading.services.unlocking import Statement, approve_unlock, ask_unlock
from tests.factories.world import REFERENCE
from tests.reading.conftest import AT, PASSWORD, World, baseline, follow_up
from tests.support.shown import shown, shown_on
from trials import frozen_sql, locked_rows
from trials.models import Freeze, FrozenSubject, Query, Role, Subject, Timepoint, Trial
from trials.schedule import date_of
from trials.services import amending, querying
from trials.services.visiting import add_visit
from trials.states import FreezeLevel

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-LOC-016")]

LATER = AT + dt.timedelta(days=1)
CLOSED = [one for one in map(frozen_sql.closed, locked_rows.guarded(apps)) if one is not None]
FROZEN = "its subject is frozen"


@pytest.fixture
def started(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A trial with a manager; reports of packages, which take longest, are empty ones."""
    monkeypatch.setattr(endpoint_report, "report", lambda trial, lock, files: lock.encode())
    world.join("manager", Role.READING_MANAGER)
    world.join("sponsor", Role.SPONSOR)
    return world


def read_until(world: World, *codes: str) -> Subject:
    entries = {"BL": baseline(30), "W8": follow_up(20), "W16": follow_up(10)}
    for code in codes:
        world.clear(code)
        world.read_by_both(code, entries[code])
    return world.trial.subjects.get()


@pytest.fixture
def read(started: World, subject: Subject) -> World:
    """Its one subject is read in full."""
    read_until(started, "BL", "W8", "W16")
    return started


@pytest.fixture
def half(started: World, subject: Subject) -> World:
    """Its one subject is read up to the second visit of three."""
    read_until(started, "BL", "W8")
    return started


def freeze(world: World, who: str = "manager", password: str = PASSWORD) -> Freeze:
    actor = world.people.get(who, world.admin)
    subject = world.trial.subjects.get()
    return freeze_subject(subject=subject, purpose="Complete", signature=Intent(password), actor=actor, at=AT)


def extent(world: World, cut_off: str = "W8") -> Extent:
    return Extent(FreezeLevel.INTERIM, "First look", tuple(world.trial.subjects.all()), cut_off)


def interim(world: World, cut_off: str = "W8") -> Freeze:
    given: dict[str, Any] = {"trial": world.trial, "extent": extent(world, cut_off), "actor": world.admin, "at": AT}
    made = lock_interim(signature=Intent(PASSWORD), **given)
    jobs.drain()
    return made


def lift(world: World, made: Freeze, who: str = "", reason: str = "Typed 20 for 28") -> Freeze:
    actor = world.people.get(who, world.admin)
    return lift_freeze(freeze=made, reason=reason, signature=Intent(PASSWORD), actor=actor, at=LATER)


def refused(act: Callable[[], Any], words: str = FROZEN) -> None:
    with pytest.raises(IntegrityError, match=words), transaction.atomic(), announced():
        act()


def sql(statement: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def rows_of(subject: Subject) -> Iterator[tuple[frozen_sql.Closed, models.Model]]:
    """Yield a row of each table that hangs on a subject, as far as the trial has one."""
    for one in CLOSED:
        row = subject if one.model is Subject else one.model._base_manager.order_by("pk").first()
        if row is not None:
            yield one, row


class TestFrozenSubject:
    def test_what_is_open_is_listed_with_where_to_settle_it_and_nothing_is_frozen_before(self, half):
        querying.raise_query(
            about=half.timepoint("W8"), title="T", text="Which day?", actor=half.join("qc", Role.QC_ANALYST), at=AT
        )
        subject = half.trial.subjects.get()
        found = prepared(half.trial, Extent(FreezeLevel.SUBJECT, "-", (subject,))).blockers
        assert [one.sentence.split(":")[0] for one in found] == [
            f"Timepoint {subject.code} W16 has no images",
            f"Query {subject.trial.queries.get().pk} to site {half.site.code} is not closed.",
        ]
        assert all(one.url for one in found)
        with pytest.raises(NotReadyToFreeze):
            freeze(half)
        assert not Freeze.objects.exists()

    def test_it_is_frozen_by_the_signature_of_those_who_may(self, read):
        for who, refusal in (("sponsor", access.AccessDenied), ("reader-a", access.AccessDenied)):
            with pytest.raises(refusal):
                freeze(read, who)
        with pytest.raises(WrongPassword):
            freeze(read, password="not mine")
        assert not Freeze.objects.exists()
        made = freeze(read)
        (mark,) = signing.signatures_on(made)
        assert (made.state, mark.signer.username, mark.ended) == ("standing", "manager", None)
        assert signing.still_holds(mark, made)
        with pytest.raises(NotReadyToFreeze, match="frozen already"):
            freeze(read)

    def test_services_refuse_every_change_of_it(self, read):
        freeze(read)
        subject = read.trial.subjects.get()
        manager, coordinator = read.people["manager"], read.coordinator
        for act in (
            lambda: ask_reopening(task=read.task("W8", 1), reason="Typed", actor=manager, at=LATER),
            lambda: audit.save(_changed(subject, "arm", "B"), action="x.changed", actor=None, at=LATER),
            lambda: audit.save(_changed(read.timepoint("W8"), "name", "B"), action="x.changed", actor=None, at=LATER),
            lambda: querying.raise_query(
                about=read.timepoint("W8"), title="T", text="?", actor=read.join("qc", Role.QC_ANALYST), at=LATER
            ),
        ):
            with pytest.raises(RecordFrozen, match="its data are frozen"):
                act()
        assert coordinator is not None
        assert not AuditEvent.objects.filter(action="x.changed").exists()

    def test_the_database_refuses_every_column_of_every_row_that_hangs_on_it(self, read):
        freeze(read)
        tried = set()
        for one, row in rows_of(read.trial.subjects.get()):
            tried.add(one.model._meta.label)
            movable = locked_rows.MOVABLE.get(one.model._meta.label, ())
            for field in one.model._meta.concrete_fields:
                if not field.primary_key and field.name not in movable:
                    statement = f'UPDATE "{row._meta.db_table}" SET "{field.column}" = NULL WHERE id = {row.pk}'  # noqa: S608
                    refused(partial(sql, statement))
            refused(partial(sql, f'DELETE FROM "{row._meta.db_table}" WHERE id = {row.pk}'))  # noqa: S608
        assert tried >= {
            "imaging.ImagingStudy",
            "imaging.Instance",
            "imaging.Series",
            "reading.Assessment",
            "reading.Lesion",
            "reading.Measurement",
            "reading.ReadTask",
            "trials.Subject",
            "trials.Timepoint",
        }

    def test_no_row_is_added_to_it_and_the_orm_changes_nothing(self, read):
        freeze(read)
        size = Measurement.objects.order_by("pk").first()
        assert size is not None
        refused(lambda: Measurement.objects.update(diameter_mm=99))
        refused(lambda: Measurement.objects.bulk_update([_changed(size, "diameter_mm", 99)], ["diameter_mm"]))
        refused(lambda: Measurement.objects.filter(pk=size.pk).delete())
        refused(lambda: Measurement.objects.bulk_create([_copy(size, part=9)]))
        refused(lambda: Timepoint.objects.bulk_create([_copy(read.timepoint("W16"), code="UNS-01", order=9)]))
        refused(lambda: ReadTask.every.update(state="reading"))
        about = read.timepoint("BL").subject
        question = Query(trial=read.trial, site=read.site, about_type="trials.subject", about_id=about.pk)
        question.raised_by, question.raised_at, question.due_on = read.admin, LATER, LATER.date()
        refused(question.save)

    def test_what_was_signed_is_neither_signed_again_nor_ended(self, read):
        freeze(read)
        mark = signing.signatures_on(read.task("W8", 1)).get()
        kept = "the subject of its record is frozen"
        refused(lambda: Supersession.objects.create(signature=mark, at=LATER, action="x", seal=""), kept)
        mark.pk, mark._state.adding = None, True
        refused(mark.save, kept)

    def test_another_subject_goes_on_and_nothing_of_it_is_given_to_the_frozen_one(self, read):
        freeze(read)
        other = read.enrol("SUBJ-0002")
        visit = other.timepoints.get(code="BL")
        visit.name = "Baseline, second attempt"
        audit.save(visit, action="timepoint.renamed", actor=None, at=LATER)
        refused(lambda: Timepoint.objects.filter(pk=visit.pk).update(subject=read.timepoint("BL").subject, order=9))

    def test_the_lock_of_the_trial_comes_on_top_and_is_taken_off_again(self, read):
        made = freeze(read)
        lock_trial(trial=read.trial, signature=Intent(PASSWORD), actor=read.admin, at=AT)
        jobs.drain()
        assert set(ReadTask.objects.values_list("state", flat=True)) == {"locked"}
        with pytest.raises(FreezeNotChanged, match="is locked"):
            lift(read, made)
        trial, manager = Trial.objects.get(pk=read.trial.pk), read.people["manager"]
        said = Statement("Typed 20 for 28", "SUBJ-4242, W8", "Sum at W8")
        asked = ask_unlock(trial=trial, said=said, signature=Intent(PASSWORD), actor=manager, at=LATER)
        approve_unlock(unlock=asked, signature=Intent(PASSWORD), actor=read.admin, at=LATER)
        assert set(ReadTask.objects.values_list("state", flat=True)) == {"submitted"}
        with pytest.raises(RecordFrozen):
            ask_reopening(task=read.task("W8", 1), reason="Typed", actor=manager, at=LATER)


def _changed(record: Any, name: str, value: object) -> Any:
    setattr(record, name, value)
    return record


def _copy(record: Any, **other: object) -> Any:
    made = type(record)._base_manager.get(pk=record.pk)
    made.pk, made._state.adding = None, True
    for name, value in other.items():
        setattr(made, name, value)
    return made


@pytest.mark.requirement("REQ-LOC-018")
class TestLifting:
    def test_a_second_person_lifts_it_with_a_reason_and_all_is_kept(self, read):
        made = freeze(read)
        with pytest.raises(ReasonRequired):
            lift(read, made, reason=" ")
        with pytest.raises(FreezeNotChanged, match="you made it"):
            lift(read, made, "manager")
        with pytest.raises(access.AccessDenied):
            lift(read, made, "sponsor")
        lift(read, made)
        made = Freeze.objects.get()
        assert (made.state, made.lifted_by, made.lifted_because) == ("lifted", read.admin, "Typed 20 for 28")
        first, second = signing.signatures_on(made)
        assert first.ended is not None
        assert signing.still_holds(second, made)
        assert AuditEvent.objects.get(action="freeze.lift").reason == "Typed 20 for 28"
        ask_reopening(task=read.task("W8", 1), reason="Typed", actor=read.people["manager"], at=LATER)
        assert FrozenSubject.objects.count() == 1

    def test_what_another_freeze_covers_stays_closed(self, read):
        freeze(read)
        second = interim(read)
        lift(read, second, "manager")
        refused(lambda: Measurement.objects.update(diameter_mm=99))

    def test_the_database_lets_it_be_lifted_by_that_signature_alone(self, read):
        made = freeze(read)
        kept = "lifted by the signature of a second person|kept as it was signed"
        admin, manager = read.admin.pk, read.people["manager"].pk
        for person in (admin, manager):
            refused(partial(sql, "UPDATE trials_freeze SET state = 'lifted', lifted_by_id = %s", person), kept)
        refused(lambda: Freeze.objects.update(state="lifted", lifted_by=read.admin, lifted_at=LATER), kept)
        refused(lambda: Freeze.objects.update(state="proposed"), kept)
        refused(lambda: Freeze.objects.update(purpose="Other"), kept)
        refused(lambda: Freeze.objects.filter(pk=made.pk)._raw_delete("default"), kept)
        refused(lambda: FrozenSubject.objects.update(through=0), kept)
        refused(lambda: FrozenSubject.objects.all()._raw_delete("default"), kept)
        lift(read, made)
        refused(lambda: Freeze.objects.update(state="standing"), kept)
        refused(lambda: FrozenSubject.objects.all()._raw_delete("default"), kept)


@pytest.mark.requirement("REQ-LOC-017")
class TestInterimLock:
    def test_it_closes_visits_up_to_the_cut_off_and_later_ones_go_on(self, half):
        made = interim(half)
        assert [(one.subject.code, one.through) for one in made.covered.all()] == [("SUBJ-4242", 1)]
        with pytest.raises(RecordFrozen):
            ask_reopening(task=half.task("W8", 1), reason="Typed", actor=half.people["manager"], at=LATER)
        for field, value in (("code", "SUBJ-0"), ("reference_date", "2020-01-01")):
            refused(partial(Subject.objects.update, **{field: value}))
        half.clear("W16")
        half.read_by_both("W16", follow_up(10))
        found = half.result(half.trial.subjects.get())
        assert found.accepted is not None
        early, late = half.task("W8", 1), half.task("W16", 1)
        for task in (early, late):
            sizes = Measurement.objects.filter(assessment__task=task, diameter_mm__isnull=False)
            change = partial(sizes.update, diameter_mm=9)
            if task == early:
                refused(change)
            else:
                assert change()

    def test_a_visit_that_nobody_planned_finds_its_place_after_the_cut_off(self, started):
        started.amend(unscheduled_visits=True)
        started.enrol()
        subject = read_until(started, "BL", "W8")
        interim(started)
        given: dict[str, Any] = {"subject": subject, "reason": "Pain", "actor": started.coordinator, "at": LATER}
        visit = add_visit(date=date_of(85, REFERENCE), **given)
        assert (visit.order, started.timepoint("W16").order) == (2, 3)

    def test_an_amendment_leaves_it_under_the_version_that_it_was_frozen_under(self, half):
        made = interim(half)
        half.amend(locking={"sponsor_agrees_to_unlock": True})
        charter, subject = Trial.objects.get(pk=half.trial.pk).charter_in_force, half.trial.subjects.get()
        assert (list(amending.behind(charter)), amending.frozen_behind(charter)) == ([], 1)
        client = Client()
        client.force_login(half.admin)
        page = reverse("trials:charter_impact", args=[charter.pk])
        assert "frozen: 1" in client.get(page).content.decode()
        lift(half, made, "manager")
        assert list(amending.behind(charter)) == [subject]

    def test_where_each_reader_reviews_all_visits_nothing_counts_up_to_one_of_them(self, started):
        started.amend(reads={"global_review": True})
        started.enrol()
        read_until(started, "BL", "W8")
        (blocker,) = prepared(started.trial, extent(started)).blockers
        assert "reviews subjects as wholes" in blocker.sentence

    def test_where_nothing_comes_after_the_cut_off_subjects_are_closed_as_wholes(self, read):
        made = interim(read, "W16")
        assert made.covered.get().through is None
        refused(lambda: Subject.objects.update(state="withdrawn"))

    def test_a_subject_that_is_not_so_far_is_listed_and_nothing_is_locked(self, half):
        half.enrol("SUBJ-0002")
        with pytest.raises(NotReadyToFreeze) as refusal:
            interim(half)
        assert {one.sentence.split(" has no")[0] for one in refusal.value.blockers} == {
            "Timepoint SUBJ-0002 BL",
            "Timepoint SUBJ-0002 W8",
        }
        assert prepared(half.trial, extent(half, "W99")).blockers[0].sentence == "Subject SUBJ-0002 has no visit W99."

    def test_who_signs_another_extent_than_was_shown_signs_nothing(self, half):
        stale = signing.digest(prepared(half.trial, extent(half, "BL")).content())
        with pytest.raises(ContentChanged):
            lock_interim(
                trial=half.trial,
                extent=extent(half),
                signature=Intent(PASSWORD, shown_sha256=stale),
                actor=half.admin,
                at=AT,
            )
        assert not Freeze.objects.exists()

    def test_where_the_charter_asks_for_two_the_first_closes_and_the_second_makes_it_stand(self, started):
        started.amend(locking={"second_signature": "reading_manager"})
        started.enrol()
        read_until(started, "BL", "W8")
        made = interim(started)
        assert (made.state, Export.objects.count()) == ("proposed", 0)
        refused(lambda: Measurement.objects.update(diameter_mm=99))
        other, kept = started.enrol("SUBJ-0002"), "kept as it was signed"
        refused(lambda: FrozenSubject.objects.create(freeze=made, subject=other, state="active"), kept)
        access.grant(started.admin, Role.READING_MANAGER.permission, started.trial)
        both = User.objects.get(pk=started.admin.pk)
        with pytest.raises(FreezeNotChanged, match="you made it"):
            confirm_interim(freeze=made, signature=Intent(PASSWORD), actor=both, at=LATER)
        confirm_interim(freeze=made, signature=Intent(PASSWORD), actor=started.people["manager"], at=LATER)
        jobs.drain()
        assert Freeze.objects.get().state == "standing"
        assert len({mark.content_sha256 for mark in signing.signatures_on(made)}) == 1
        assert packages_of_interim(made)
        # The signature that confirmed it lifts nothing.
        lifted = {"state": "lifted", "lifted_by": started.people["manager"], "lifted_at": LATER}
        refused(lambda: Freeze.objects.update(**lifted), kept)
        refused(lambda: Freeze.objects.update(confirmed_at=AT), kept)


@pytest.mark.requirement("REQ-LOC-019")
class TestInterimPackage:
    def test_it_holds_what_the_lock_covers_and_the_same_bytes_when_reading_went_on(self, half, tmp_path: Path):
        made = interim(half)
        (package,) = packages_of_interim(made)
        assert package.manifest["interim"]["visits"] == {"SUBJ-4242": ["BL", "W8"]}
        assert package.manifest["lock"]["locked_at"] == f"{AT:%Y-%m-%dT%H:%M:%SZ}"
        assert [one["what"] for one in package.manifest["signatures"]].count("Interim lock 1") == 1
        kept = tmp_path / package.file_name
        kept.write_bytes(exporting.read(package))
        ran = subprocess.run([sys.executable, VERIFIER, kept], capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout
        half.clear("W16")
        half.read_by_both("W16", follow_up(35, new="UNEQUIVOCAL"))
        again = build_interim(freeze=Freeze.objects.get(), actor=half.admin, at=LATER)
        assert again.pk == package.pk
        assert AuditEvent.objects.filter(action="interim.built").count() == 2
        assert not AuditEvent.objects.filter(action="package.built").exists()

    def test_by_default_nobody_takes_it(self, half):
        (package,) = packages_of_interim(interim(half))
        for person in (half.admin, half.people["sponsor"], half.people["manager"], half.join("aud", Role.AUDITOR)):
            assert not interim_packages_seen_by(person).exists()
            with pytest.raises(access.AccessDenied):
                open_interim(export=package, actor=person, at=LATER)
            client = Client()
            client.force_login(person)
            for name in ("interim_download", "package_download"):
                assert client.get(reverse(f"reading:{name}", args=[package.pk])).status_code in (403, 404)

    def test_whom_the_charter_names_takes_it_while_the_lock_stands(self, started):
        started.amend(locking={"interim_package_to": ["sponsor"]})
        started.enrol()
        read_until(started, "BL", "W8")
        made = interim(started)
        (package,) = interim_packages_seen_by(started.people["sponsor"])
        client = Client()
        client.force_login(started.people["sponsor"])
        page = reverse("reading:interim_download", args=[package.pk])
        assert client.get(page).content == exporting.read(package)
        assert AuditEvent.objects.get(action="interim.downloaded").actor == started.people["sponsor"]
        with pytest.raises(access.AccessDenied):
            open_interim(export=package, actor=started.admin, at=LATER)
        lift(started, made, "manager")
        assert client.get(page).status_code == 409
        with pytest.raises(NotLocked):
            build_interim(freeze=Freeze.objects.get(), actor=started.admin, at=LATER)


class TestPages:
    def test_a_subject_is_frozen_and_lifted_on_pages(self, read):
        manager, admin = Client(), Client()
        manager.force_login(read.people["manager"])
        admin.force_login(read.admin)
        subject = read.trial.subjects.get()
        page = reverse("reading:freeze_subject", args=[subject.pk])
        assert page in manager.get(reverse("reading:freezes", args=[read.trial.pk])).content.decode()
        assert "Sign and freeze" in manager.get(page).content.decode()
        assert manager.post(page, {"purpose": "Complete", "password": "not mine"}).status_code == 422
        assert manager.post(page, {"purpose": "Complete", "password": PASSWORD}).status_code == 302
        made = Freeze.objects.get()
        assert "Sign and freeze" not in manager.get(page).content.decode()
        address = reverse("reading:freeze_lift", args=[made.pk])
        assert address not in manager.get(reverse("reading:freeze", args=[made.pk])).content.decode()
        given = {"reason": "Typed 20 for 28", "password": PASSWORD, "shown_sha256": shown(made)}
        assert manager.post(address, given).status_code == 409
        assert admin.post(address, {**given, "reason": ""}).status_code == 422
        assert admin.post(address, given).status_code == 302
        assert Freeze.objects.get().state == "lifted"

    def test_the_page_of_the_subject_says_what_is_frozen(self, half):
        client = Client()
        client.force_login(half.coordinator)
        page = reverse("trials:subject", args=[half.trial.subjects.get().pk])
        assert "rozen" not in client.get(page).content.decode()
        interim(half)
        assert "Partly frozen" in client.get(page).content.decode()

    def test_one_that_takes_no_part_cannot_be_frozen(self, half):
        Subject.objects.update(state="screened", enrolled_at=None)
        subject = half.trial.subjects.get()
        found = prepared(half.trial, Extent(FreezeLevel.SUBJECT, "-", (subject,))).blockers
        assert "takes no part" in found[0].sentence

    def test_what_is_open_stands_on_the_page(self, half):
        client = Client()
        client.force_login(half.people["manager"])
        page = client.get(reverse("reading:freeze_subject", args=[half.trial.subjects.get().pk])).content.decode()
        assert reverse("imaging:timepoint", args=[half.timepoint("W16").pk]) in page
        assert "Sign and freeze" not in page

    def test_an_interim_lock_is_made_on_a_page_as_it_was_shown(self, half):
        client = Client()
        client.force_login(half.admin)
        page = reverse("reading:interim_lock", args=[half.trial.pk])
        assert client.get(page).status_code == 200
        chosen = f"{page}?purpose=First+look&cut_off=W8"
        digest = shown_on(client, chosen)
        assert digest
        told = client.post(chosen, {"password": PASSWORD, "shown_sha256": "0" * 64})
        assert told.status_code == 409
        # Who is told that it changed signs next what the page shows now.
        assert told.context["form"]["shown_sha256"].value() == digest
        assert client.post(chosen, {"password": PASSWORD, "shown_sha256": digest}).status_code == 302
        assert (Freeze.objects.get().purpose, Freeze.objects.get().cut_off) == ("First look", "W8")
        later = client.get(f"{page}?purpose=Second+look&cut_off=W16").content.decode()
        assert reverse("imaging:timepoint", args=[half.timepoint("W16").pk]) in later

    def test_a_sponsor_who_signs_second_is_shown_no_code_of_a_subject(self, started):
        started.amend(locking={"second_signature": "sponsor"})
        started.enrol()
        read_until(started, "BL", "W8")
        made = interim(started)
        client = Client()
        client.force_login(started.people["sponsor"])
        said = client.get(reverse("reading:freeze", args=[made.pk])).content.decode()
        assert "SUBJ-4242" not in said
        assert signing.digest(made.signed_content()) in said
        given = {"password": PASSWORD, "shown_sha256": shown(made)}
        assert client.post(reverse("reading:freeze_confirm", args=[made.pk]), given).status_code == 302
        assert Freeze.objects.get().state == "standing"


@pytest.mark.one_database
def test_states_between_which_a_frozen_record_goes_with_the_lock_are_those_of_its_life():
    for label, states in frozen_sql.CLOSING.items():
        moves = apps.get_model(label).machines["state"].moves
        assert (states[0], states[1]) == (str(moves["lock"].sources[0]), str(moves["lock"].target))
        assert (states[1], states[0]) == (str(moves["unlock"].sources[0]), str(moves["unlock"].target))


@pytest.mark.one_database
def test_a_record_with_a_key_to_a_subject_or_visit_is_closed_by_each_of_them_but_those_listed():
    by_label = {one.model._meta.label: one for one in CLOSED}
    size = by_label["reading.Measurement"]
    assert [way.column for way in size.timepoints] == ["assessment_id", "instance_id", "mark_id"]
    assert [way.column for way in by_label["reading.Adjudication"].subjects] == ["subject_id"]
    assert "trials.Site" not in by_label
    assert "trials.ImagingCharter" not in by_label
