"""Where the charter says so two people lock a trial: both sign the same content, or both are asked anew."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from compliance import access, exporting, jobs, signing
from compliance.models import Export, Supersession, User
from compliance.signing import Intent, WrongPassword
from reading.exports import endpoint_report
from reading.exports.endpoint_package import VERIFIER
from reading.models import ReadTask
from reading.services.locking import NotReady, SecondSignatureNeeded, lock_trial
from reading.services.locking_by_two import ContentMoved, NotProposed, confirm_lock, propose_lock
from reading.services.unlocking import Statement, approve_unlock, ask_unlock
from tests.reading.conftest import AT, PASSWORD, World, baseline, follow_up
from tests.support.shown import shown
from trials.models import ImagingCharter, LockProposal, Role, Subject, Trial
from trials.webhooks import KINDS

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-LOC-014")]


@pytest.fixture
def read(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A trial that is ready to be locked, and whose charter asks for a reading manager's signature too."""
    monkeypatch.setattr(endpoint_report, "report", lambda trial, lock, files: lock.encode())
    world.amend(locking={"second_signature": "reading_manager"})
    world.enrol()
    world.join("manager", Role.READING_MANAGER)
    world.join("sponsor", Role.SPONSOR)
    for code in ("BL", "W8", "W16"):
        world.clear(code)
    world.read_by_both("BL", baseline(30))
    world.read_by_both("W8", follow_up(20))
    world.read_by_both("W16", follow_up(20))
    return world


def state(world: World) -> str:
    return Trial.objects.get(pk=world.trial.pk).state


def propose(world: World) -> LockProposal:
    return propose_lock(trial=world.trial, signature=Intent(PASSWORD), actor=world.admin, at=AT)


def confirm(world: World, proposal: LockProposal, who: str = "manager", password: str = PASSWORD) -> Trial:
    actor = world.people.get(who, world.admin)
    return confirm_lock(proposal=proposal, signature=Intent(password), actor=actor, at=AT)


def test_one_signature_locks_nothing(read: World) -> None:
    with pytest.raises(SecondSignatureNeeded):
        lock_trial(trial=read.trial, signature=Intent(PASSWORD), actor=read.admin, at=AT)
    proposal = propose(read)
    for who in ("sponsor", "admin"):
        with pytest.raises(access.AccessDenied):
            confirm(read, proposal, who)
    with pytest.raises(WrongPassword):
        confirm(read, proposal, password="not mine")
    access.grant(read.admin, Role.READING_MANAGER.permission, read.trial)
    both = User.objects.get(pk=read.admin.pk)
    with pytest.raises(NotProposed, match="you proposed it"):
        confirm_lock(proposal=proposal, signature=Intent(PASSWORD), actor=both, at=AT)
    assert (state(read), LockProposal.objects.get().state) == ("running", "proposed")


def test_both_sign_the_same_content_and_the_package_names_it(read: World, tmp_path: Path) -> None:
    proposal = propose(read)
    confirm(read, proposal)
    jobs.drain()

    assert state(read) == "locked"
    assert set(ReadTask.objects.values_list("state", flat=True)) == {"locked"}
    marks = list(signing.signatures_on(proposal))
    assert [mark.signer.username for mark in marks] == [read.admin.username, "manager"]
    assert len({mark.content_sha256 for mark in marks}) == 1
    assert signing.signatures_on(read.trial).get().signer.username == "manager"
    package = Export.objects.get(kind="endpoint-package")
    assert package.manifest["lock"]["proposed_content_sha256"] == proposal.content_sha256
    said = [mark["what"] for mark in package.manifest["signatures"]]
    assert (said.count("Proposal of the database lock"), said.count("Database lock")) == (2, 1)
    kept = tmp_path / package.file_name
    kept.write_bytes(exporting.read(package))
    ran = subprocess.run([sys.executable, VERIFIER, kept], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


def test_other_systems_hear_of_it_as_of_every_lock() -> None:
    assert KINDS["trial.lock_by_two"] == KINDS["trial.lock"]


def test_what_changes_in_between_asks_both_anew(read: World) -> None:
    proposal = propose(read)
    subject = read.trial.subjects.get()
    Subject.objects.filter(pk=subject.pk).update(arm="Another")
    with pytest.raises(ContentMoved):
        confirm(read, proposal)

    assert (state(read), LockProposal.objects.get().state) == ("running", "outdated")
    assert all(mark.ended for mark in signing.signatures_on(proposal))
    confirm(read, propose(read))
    assert state(read) == "locked"


def lock_past_the_services(world: World, at: dt.datetime | None = AT) -> None:
    with transaction.atomic():
        Trial.objects.filter(pk=world.trial.pk).update(state="locked", locked_at=at)


@pytest.mark.parametrize("lacks", ["proposal", "second signature", "second person", "signature that stands"])
def test_the_database_refuses_a_lock_that_two_people_did_not_sign(read: World, lacks: str) -> None:
    if lacks != "proposal":
        proposal = propose(read)
        second = read.admin if lacks == "second person" else read.people["manager"]
        settled = LockProposal.objects.filter(pk=proposal.pk)
        settled.update(state="confirmed", confirmed_by=second, confirmed_at=AT)
        if lacks != "second signature":
            mark = signing.signatures_on(proposal).get()
            first, mark.pk, mark.signer, mark._state.adding = mark.pk, None, second, True
            mark.save()
            # With both it is locked; at no other moment than the second person's.
            if lacks == "signature that stands":
                with pytest.raises(IntegrityError, match="two people"):
                    lock_past_the_services(read, AT + dt.timedelta(days=1))
                with transaction.atomic():
                    lock_past_the_services(read)
                    transaction.set_rollback(True)
                Supersession.objects.create(signature_id=first, action="lockproposal.outdate", at=AT)
    with pytest.raises(IntegrityError, match="two people"):
        lock_past_the_services(read)
    assert state(read) == "running"


def test_the_signatures_of_a_lock_that_was_taken_off_lock_nothing(read: World) -> None:
    confirm(read, propose(read))
    jobs.drain()
    said, manager = Statement("Typed", "One read", "One sum"), read.people["manager"]
    asked = ask_unlock(trial=Trial.objects.get(), said=said, signature=Intent(PASSWORD), actor=manager, at=AT)
    approve_unlock(unlock=asked, signature=Intent(PASSWORD), actor=read.admin, at=AT + dt.timedelta(days=1))
    with pytest.raises(IntegrityError, match="two people"):
        lock_past_the_services(read)
    later = confirm_lock(
        proposal=propose(read), signature=Intent(PASSWORD), actor=manager, at=AT + dt.timedelta(days=2)
    )
    assert later.state == "locked"


def test_nothing_is_proposed_before_it_is_ready_or_where_one_signature_is_enough(read: World) -> None:
    read.enrol("SUBJ-0002")
    with pytest.raises(NotReady):
        propose(read)
    content = {**read.trial.charter_in_force.content, "locking": {}}
    ImagingCharter.objects.filter(trial=read.trial).update(content=content)
    with pytest.raises(NotProposed):
        propose(read)


def test_it_is_proposed_and_signed_on_pages(read: World) -> None:
    admin, manager = Client(), Client()
    admin.force_login(read.admin)
    manager.force_login(read.people["manager"])
    lock, second = (reverse(name, args=[read.trial.pk]) for name in ("reading:lock", "reading:lock_confirm"))
    assert "Nothing is proposed" in manager.get(second).content.decode()
    assert "Sign and propose" in admin.get(lock).content.decode()
    assert admin.post(lock, {"password": PASSWORD, "shown_sha256": shown(read.trial)}).status_code == 302
    proposal = LockProposal.objects.get()
    assert proposal.content_sha256 in manager.get(second).content.decode()
    assert manager.post(second, {"password": "not mine", "shown_sha256": shown(proposal)}).status_code == 422
    assert manager.post(second, {"password": PASSWORD, "shown_sha256": shown(proposal)}).status_code == 302
    assert state(read) == "locked"
