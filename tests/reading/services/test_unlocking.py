"""A lock is taken off by two people of different roles, by signature; what it left is kept, and it is locked anew."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from compliance import access, audit, exporting, jobs, signing
from compliance.announcing import announced
from compliance.models import AuditEvent, Export, Signature, User
from compliance.signing import Intent, WrongPassword
from compliance.transitions import IllegalMove, ReasonRequired
from reading.exports import endpoint_report
from reading.exports.comparing import compare
from reading.models import Assessment, ReadTask, Reopening
from reading.services.assessing import open_task, submit_read
from reading.services.entries import AssessmentEntry
from reading.services.locking import lock_trial
from reading.services.packaging import build_package, open_package
from reading.services.reopening import approve_reopening, ask_reopening, decline_reopening
from reading.services.unlocking import (
    NotUnlocked,
    Statement,
    agree_to_unlock,
    approve_unlock,
    ask_unlock,
    decline_unlock,
    package_of_lock,
)
from tests.reading.conftest import AT, PASSWORD, World, baseline, follow_up
from tests.support.disarmed import disarm
from tests.support.shown import shown
from trials.charter import Charter
from trials.models import ImagingCharter, Role, Subject, Trial, Unlock
from trials.selectors_unlocks import superseding

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-LOC-013")]

SAID = Statement("Reader 1 typed 20 for 28", "SUBJ-4242, W8, reader 1", "Sum, response at W8 and best response")
LATER = AT + dt.timedelta(days=1)
REFUSED = "database of its trial is locked|kept as it was asked for"


@pytest.fixture
def locked(world: World, subject: Subject, monkeypatch: pytest.MonkeyPatch) -> World:
    """A trial with one subject, locked, whose package is built; its report, which takes longest, is an empty one."""
    monkeypatch.setattr(endpoint_report, "report", lambda trial, lock, files: lock.encode())
    world.join("manager", Role.READING_MANAGER)
    world.join("sponsor", Role.SPONSOR)
    for code in ("BL", "W8", "W16"):
        world.clear(code)
    world.read_by_both("BL", baseline(30))
    world.read_by_both("W8", follow_up(20))
    world.read_by_both("W16", follow_up(20))
    lock_trial(trial=world.trial, signature=Intent(PASSWORD), actor=world.admin, at=AT)
    jobs.drain()
    return world


def ask(world: World, said: Statement = SAID, who: str = "manager", password: str = PASSWORD) -> Unlock:
    actor = world.people.get(who, world.admin)
    return ask_unlock(trial=world.trial, said=said, signature=Intent(password), actor=actor, at=AT)


def approve(world: World, asked: Unlock, password: str = PASSWORD) -> Unlock:
    return approve_unlock(unlock=asked, signature=Intent(password), actor=world.admin, at=LATER)


def refused(act: Callable[[], Any]) -> None:
    with pytest.raises(IntegrityError, match=REFUSED), transaction.atomic(), announced():
        act()


def sql(statement: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def trial_of(world: World) -> Trial:
    return Trial.objects.get(pk=world.trial.pk)


def sponsor_must_agree(world: World) -> None:
    content = Charter.parse({**world.trial.charter_in_force.content, "locking": {"sponsor_agrees_to_unlock": True}})
    ImagingCharter.objects.filter(trial=world.trial).update(content=content.content())


def test_nothing_happens_before_a_second_person_of_another_role_signs(locked: World) -> None:
    asked = ask(locked)

    assert (trial_of(locked).state, asked.state, asked.lock_number) == ("locked", "asked", 1)
    assert asked.package_sha256 == package_of_lock(trial_of(locked)).sha256
    with pytest.raises(access.AccessDenied):
        approve_unlock(unlock=asked, signature=Intent(PASSWORD), actor=locked.people["manager"], at=LATER)
    with pytest.raises(WrongPassword):
        approve(locked, asked, password="not mine")
    assert (trial_of(locked).state, Unlock.objects.get().state) == ("locked", "asked")


def test_who_asked_does_not_approve_with_both_roles_either(locked: World) -> None:
    asked = ask(locked)
    both = locked.people["manager"]
    access.grant(both, Role.TRIAL_ADMINISTRATOR.permission, locked.trial)
    with pytest.raises(NotUnlocked, match="you asked for it"):
        approve_unlock(unlock=asked, signature=Intent(PASSWORD), actor=type(both).objects.get(pk=both.pk), at=LATER)


def test_approved_the_trial_goes_on_as_it_was_and_all_is_kept(locked: World) -> None:
    package = package_of_lock(trial_of(locked))
    before = {task.pk: signing.digest(task.signed_content()) for task in ReadTask.objects.all()}

    asked = approve(locked, ask(locked))

    trial = trial_of(locked)
    assert (trial.state, trial.locked_at, asked.state) == ("running", None, "approved")
    assert set(ReadTask.objects.values_list("state", flat=True)) == {"submitted"}
    for task in ReadTask.objects.all():
        (mark,) = signing.signatures_on(task)
        assert mark.ended is None
        assert mark.content_sha256 == before[task.pk]
    (lock,) = signing.signatures_on(trial)
    assert lock.ended is not None
    assert {mark.signer.username for mark in signing.signatures_on(asked)} == {"manager", locked.admin.username}
    assert len({mark.content_sha256 for mark in signing.signatures_on(asked)}) == 1
    event = AuditEvent.objects.get(action="trial.unlock")
    assert (event.reason, event.actor) == (SAID.reason, locked.admin)
    sponsor = locked.people["sponsor"]
    assert open_package(export=package, actor=sponsor, at=LATER) == exporting.read(package)
    assert superseding(package) == asked
    with pytest.raises(exporting.NotLocked):
        build_package(trial=trial, actor=sponsor, at=LATER)


def test_corrected_it_is_locked_anew_and_the_package_names_the_lock_it_supersedes(locked: World) -> None:
    first = package_of_lock(trial_of(locked))
    approve(locked, ask(locked))
    ask_reopening(task=locked.task("W8", 1), reason="Typed 20 for 28", actor=locked.people["manager"], at=LATER)
    decline_reopening(reopening=Reopening.objects.get(), reason="It was 20", actor=locked.admin, at=LATER)

    lock_trial(trial=trial_of(locked), signature=Intent(PASSWORD), actor=locked.admin, at=LATER)
    jobs.drain()

    second = package_of_lock(trial_of(locked))
    assert second.pk != first.pk
    said = second.manifest["lock"]
    assert (said["number"], said["supersedes"]["number"]) == (2, 1)
    assert said["supersedes"]["package_sha256"] == first.sha256
    assert said["supersedes"]["identifier"] == first.manifest["lock"]["identifier"] != said["identifier"]
    assert exporting.verify(exporting.read(second)) == []
    assert [mark["what"] for mark in second.manifest["signatures"]].count("Database lock") == 1
    assert (superseding(first).lock_number, superseding(second)) == (1, None)
    again = ask_unlock(
        trial=trial_of(locked), said=SAID, signature=Intent(PASSWORD), actor=locked.people["manager"], at=LATER
    )
    assert again.lock_number == 2


def test_without_reason_records_and_impact_nothing_is_asked(locked: World) -> None:
    for said in (Statement(" ", "x", "x"), Statement("x", "", "x"), Statement("x", "x", " ")):
        with pytest.raises(ReasonRequired):
            ask(locked, said)
    assert not Unlock.objects.exists()


def test_the_package_has_to_be_there_and_one_unlock_waits_at_a_time(locked: World) -> None:
    package_of_lock(trial_of(locked)).delete()
    with pytest.raises(NotUnlocked, match="Build the package first"):
        ask(locked)
    build_package(trial=locked.trial, actor=locked.admin, at=AT)
    ask(locked)
    with pytest.raises(NotUnlocked, match="asked to be unlocked already"):
        ask(locked)


def test_where_the_charter_says_so_the_sponsor_agrees_first(locked: World) -> None:
    with transaction.atomic():
        disarm()
        sponsor_must_agree(locked)
    asked = ask(locked)
    with pytest.raises(NotUnlocked, match="sponsor has to agree"):
        approve(locked, asked)

    sponsor = locked.people["sponsor"]
    agree_to_unlock(unlock=asked, signature=Intent(PASSWORD), actor=sponsor, at=LATER)
    approve(locked, asked)

    assert (trial_of(locked).state, Unlock.objects.get().agreed_by) == ("running", sponsor)
    assert len({mark.content_sha256 for mark in signing.signatures_on(asked)}) == 1


def test_declined_the_lock_stays(locked: World) -> None:
    asked = ask(locked)
    with pytest.raises(NotUnlocked, match="not the sponsor's"):
        decline_unlock(unlock=asked, reason="No", actor=locked.people["sponsor"], at=LATER)
    with pytest.raises(ReasonRequired):
        decline_unlock(unlock=asked, reason=" ", actor=locked.admin, at=LATER)
    decline_unlock(unlock=asked, reason="No effect on the endpoint", actor=locked.admin, at=LATER)
    with pytest.raises(IllegalMove):
        approve(locked, asked)
    assert (trial_of(locked).state, Unlock.objects.get().state) == ("locked", "declined")
    who_asked = Client()
    who_asked.force_login(locked.people["manager"])
    assert "No effect on the endpoint" in who_asked.get(reverse("reading:unlock", args=[asked.pk])).content.decode()
    assert ask(locked).state == "asked"


class TestPastTheServices:
    """The database lets a trial out by two signatures alone, whoever writes."""

    def out(self, world: World, **more: object) -> None:
        Trial.objects.filter(pk=world.trial.pk).update(state="running", locked_at=None, **more)

    def decided(self, unlock: Unlock, by: int) -> None:
        Unlock.objects.filter(pk=unlock.pk).update(state="approved", decided_by_id=by, decided_at=LATER)

    def sign(self, unlock: Unlock, signer: int, sha256: str = "") -> None:
        mark = Signature(signer_id=signer, meaning="approval", at=LATER, object_id=str(unlock.pk))
        mark.object_type, mark.content_sha256 = "trials.unlock", sha256 or signing.digest(unlock.signed_content())
        mark.save()

    def test_an_unlock_that_is_only_asked_for_opens_nothing(self, locked: World) -> None:
        asked = ask(locked)
        self.sign(asked, locked.admin.pk)
        refused(lambda: self.out(locked))

    def test_one_person_opens_nothing(self, locked: World) -> None:
        asked = ask(locked)
        with announced():
            self.decided(asked, asked.asked_by_id)
        self.sign(asked, asked.asked_by_id)
        refused(lambda: self.out(locked))

    def test_without_the_second_signature_or_with_one_of_other_content_nothing_opens(self, locked: World) -> None:
        asked = ask(locked)
        with announced():
            self.decided(asked, locked.admin.pk)
        refused(lambda: self.out(locked))
        self.sign(asked, locked.admin.pk, "0" * 64)
        refused(lambda: self.out(locked))

    def test_nothing_else_of_the_trial_changes_on_the_way_out(self, locked: World) -> None:
        asked = ask(locked)
        with announced():
            self.decided(asked, locked.admin.pk)
        self.sign(asked, locked.admin.pk)
        refused(lambda: self.out(locked, seed="another"))
        refused(lambda: Trial.objects.filter(pk=locked.trial.pk).update(state="setup", locked_at=None))
        refused(lambda: Trial.objects.filter(pk=locked.trial.pk).update(state="running"))
        refused(lambda: sql("DELETE FROM trials_trial WHERE id = %s", locked.trial.pk))
        with transaction.atomic(), announced():
            self.out(locked)
            transaction.set_rollback(True)

    def test_an_unlock_of_an_earlier_lock_opens_no_later_one(self, locked: World) -> None:
        approve(locked, ask(locked))
        lock_trial(trial=trial_of(locked), signature=Intent(PASSWORD), actor=locked.admin, at=LATER)
        refused(lambda: self.out(locked))

    def test_no_unlock_comes_up_decided_and_none_changes_once_it_is(self, locked: World) -> None:
        asked = ask(locked)
        refused(lambda: Unlock.objects.filter(pk=asked.pk).update(reason="Another"))
        refused(lambda: Unlock.objects.filter(pk=asked.pk).update(locked_at=LATER))
        decline_unlock(unlock=asked, reason="No", actor=locked.admin, at=LATER)
        refused(lambda: Unlock.objects.filter(pk=asked.pk).update(state="approved"))
        refused(lambda: Unlock.objects.filter(pk=asked.pk)._raw_delete("default"))
        asked.refresh_from_db()
        asked.pk, asked.state = None, "approved"
        asked._state.adding = True
        refused(asked.save)
        with pytest.raises(audit.RecordFrozen):
            audit.save(Unlock.objects.get(), action="x", actor=None, at=LATER)


class TestPages:
    def client(self, person: User) -> Client:
        client = Client()
        client.force_login(person)
        return client

    def test_asked_approved_and_compared_in_the_browser(self, locked: World) -> None:
        trial, manager = trial_of(locked), self.client(locked.people["manager"])
        page = manager.get(reverse("reading:unlocks", args=[trial.pk]))
        assert "Sign and ask" in page.content.decode()
        said = {"reason": "Typed 20", "records": "SUBJ-4242, W8", "impact": "The response at W8"}
        ask_url = reverse("reading:unlock_ask", args=[trial.pk])
        assert manager.post(ask_url, said | {"password": "not mine"}).status_code == 422
        assert not Unlock.objects.exists()
        assert manager.post(ask_url, said | {"password": PASSWORD}).status_code == 302
        url = reverse("reading:unlock", args=[Unlock.objects.get().pk])
        assert "A second person decides" in manager.get(url).content.decode()
        assert manager.post(url, {"verdict": "approve", "password": PASSWORD}).status_code == 403

        admin = self.client(locked.admin)
        page = admin.get(url)
        assert admin.post(url, {"verdict": "approve"}).status_code == 422
        given = {"verdict": "approve", "password": PASSWORD, "shown_sha256": shown(Unlock.objects.get())}
        assert admin.post(url, given).status_code == 302
        assert trial_of(locked).state == "running"

        sponsor = self.client(locked.people["sponsor"])
        kept = sponsor.get(reverse("reading:package", args=[trial.pk])).content.decode()
        package = Export.objects.get(kind="endpoint-package")
        assert package.sha256 in kept
        assert "Superseded" in kept
        assert sponsor.get(reverse("reading:package_download", args=[package.pk])).status_code == 200
        compare = reverse("reading:packages_compare", args=[trial.pk])
        assert "There are no two packages yet" in sponsor.get(compare).content.decode()

        correct(locked)
        lock_trial(trial=trial_of(locked), signature=Intent(PASSWORD), actor=locked.admin, at=LATER)
        jobs.drain()
        told = sponsor.get(compare).content.decode()
        assert "Lock 1 and lock 2" in told
        assert "diameter_mm" in told
        assert AuditEvent.objects.filter(action="package.compared").count() == 1
        assert sponsor.get(compare, {"earlier": "1", "later": "7"}).status_code == 404
        listed = sponsor.get("/api/v1/packages/").json()["results"]
        assert [(one["manifest"]["lock"]["number"], one["superseded"]) for one in listed] == [(1, True), (2, False)]


def correct(world: World) -> None:
    """Open the last read of reader 1 again, and sign it with another size."""
    task = world.task("W16", 1)
    manager = world.people["manager"]
    asked = ask_reopening(task=task, reason="Typed 20 for 21", actor=manager, at=LATER)
    approve_reopening(reopening=asked, signature=Intent(PASSWORD), actor=world.admin, at=LATER)
    entry = follow_up(21)
    version = Assessment.objects.get(task=task).version
    open_task(task=task, actor=task.reader, at=LATER)
    entry = AssessmentEntry(version=version, lesions=entry.lesions)
    submit_read(task=task, entry=entry, signature=Intent(PASSWORD), actor=task.reader, at=LATER)
    jobs.drain()


def test_two_packages_differ_in_the_records_that_were_corrected_and_are_named(locked: World) -> None:
    first = exporting.read(package_of_lock(trial_of(locked)))
    approve(locked, ask(locked))
    correct(locked)
    lock_trial(trial=trial_of(locked), signature=Intent(PASSWORD), actor=locked.admin, at=LATER)
    jobs.drain()

    found = compare(first, exporting.read(package_of_lock(trial_of(locked))))

    differing = {table.name: table.differences for table in found.differing}
    sizes = [one for one in differing["measurements.csv"] if "diameter_mm" in one.columns]
    assert [(one.how, "W16" in one.name, "READER 1" in one.name) for one in sizes] == [("changed", True, True)]
    assert "subjects.csv" in found.same
    assert "report.pdf" in dict(found.files)
    assert compare(first, first).differing == () == compare(first, first).files
