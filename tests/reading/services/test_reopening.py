"""A signed read is opened again: asked by one, approved by another's signature; what rests on it goes first."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.test import Client

from compliance import access, audit, jobs, signing
from compliance.signing import Intent, WrongPassword
from compliance.transitions import IllegalMove, ReasonRequired
from reading.models import Adjudication, Assessment, Lesion, ReadTask, Reopening, SignedVersion
from reading.services.adjudicating import decide
from reading.services.assessing import open_task, save_draft, submit_read
from reading.services.entries import AssessmentEntry, LesionEntry
from reading.services.locking import lock_trial, readiness
from reading.services.reopening import (
    NotReopened,
    approve_reopening,
    ask_reopening,
    consequences,
    decline_reopening,
)
from tests.reading.conftest import AT, PASSWORD, World, baseline, follow_up
from tests.support.shown import shown
from trials.models import Role, Subject, Timepoint
from trials.services import enrolling

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-REA-008")]

VISITS = ("BL", "W8", "W16")
#: What is known from the baseline as it was signed first: a target and a non-target lesion.
LIVER = LesionEntry(1, "target", "LIVER", state="MEASURED", diameter_mm=Decimal(30))
PLEURA = LesionEntry(2, "non_target", "PLEURA", state="PRESENT")


@pytest.fixture
def managed(world: World, subject: Subject) -> World:
    """A subject on which two readers differ, adjudicated for the second; two people manage the reading."""
    world.join("manager", Role.READING_MANAGER)
    world.join("second", Role.READING_MANAGER)
    for code in VISITS:
        world.clear(code)
    world.read_by_both("BL", baseline(30))
    world.read_by_both("W8", follow_up(20), follow_up(28))
    world.read_by_both("W16", follow_up(20), follow_up(28))
    case = Adjudication.objects.get()
    decide(
        adjudication=case,
        choice="left" if case.left_slot == 2 else "right",
        rationale="Clearer margins",
        signature=Intent(PASSWORD),
        actor=case.adjudicator,
        at=AT,
    )
    return world


def ask(world: World, code: str = "W8", slot: int = 1, reason: str = "Typed 20 for 28") -> Reopening:
    return ask_reopening(task=world.task(code, slot), reason=reason, actor=world.people["manager"], at=AT)


def approve(world: World, asked: Reopening, who: str = "second", password: str = PASSWORD) -> Reopening:
    return approve_reopening(reopening=asked, signature=Intent(password), actor=world.people[who], at=AT)


def again(world: World, code: str, slot: int, entry: AssessmentEntry) -> None:
    """Enter and sign a read that was opened again; the draft is what was signed before."""
    task = world.task(code, slot)
    version = Assessment.objects.get(task=task).version
    open_task(task=task, actor=task.reader, at=AT)
    entry = AssessmentEntry(version=version, lesions=entry.lesions)
    submit_read(task=task, entry=entry, signature=Intent(PASSWORD), actor=task.reader, at=AT)
    jobs.drain()


def states(slot: int) -> list[str]:
    return list(ReadTask.objects.filter(slot=slot).order_by("order").values_list("state", flat=True))


def test_nothing_happens_before_a_second_person_signs(managed: World) -> None:
    asked = ask(managed)

    assert (states(1), asked.state) == (["submitted"] * 3, "asked")
    assert [b.sentence for b in readiness(managed.trial)] == [
        f"Read {asked.task.blinded_code} was asked to be opened again: decide on it."
    ]


def test_the_read_opens_and_what_rests_on_it_is_taken_back_and_kept(managed: World) -> None:
    case = Adjudication.objects.get()
    signed = {task.pk: signing.signatures_on(task).get().content_sha256 for task in ReadTask.objects.filter(slot=1)}
    asked = ask(managed)
    expected = consequences(asked.task)
    assert ([r.timepoint.code for r in expected.reads], expected.adjudications) == (["W8", "W16"], (case,))

    approve(managed, asked)

    assert (states(1), states(2)) == (["submitted", "assigned", "waiting"], ["submitted"] * 3)
    assert not Adjudication.objects.exists()
    assert Adjudication.every.get().state == "superseded"
    assert [(v.task.timepoint.code, v.number) for v in SignedVersion.objects.order_by("task__order")] == [
        ("W8", 1),
        ("W16", 1),
    ]
    # Each kept version is what its signature was given for.
    assert all(v.content_sha256 == signed[v.task_id] for v in SignedVersion.objects.all())
    assert all(signing.digest(v.content) == v.content_sha256 for v in SignedVersion.objects.all())
    reading = Timepoint.objects.order_by("order").values_list("reading_state", flat=True)
    assert list(reading) == ["read", "open", "open"]
    assert managed.result(managed.trial.subjects.get()).accepted is None
    assert signing.signatures_on(asked).get().signer.username == "second"


def test_signed_again_the_subject_is_judged_anew(managed: World) -> None:
    subject = managed.trial.subjects.get()
    before = Adjudication.objects.get().blinded_code
    approve(managed, ask(managed))

    again(managed, "W8", 1, follow_up(25))
    assert states(1) == ["submitted", "submitted", "assigned"]
    again(managed, "W16", 1, follow_up(15))

    case = Adjudication.objects.get()
    assert case.blinded_code != before
    assert managed.result(subject).accepted is None
    assert [slot.outcome.bor for slot in managed.result(subject).slots] == ["PR", "SD"]
    # Both signatures stand, and the latest holds.
    marks = signing.signatures_on(managed.task("W8", 1))
    assert [signing.still_holds(mark, managed.task("W8", 1)) for mark in marks] == [False, True]


def test_readers_who_agree_then_need_no_adjudication_and_the_trial_locks(managed: World) -> None:
    approve(managed, ask(managed))
    again(managed, "W8", 1, follow_up(28))
    again(managed, "W16", 1, follow_up(28))

    assert not Adjudication.objects.exists()
    assert readiness(managed.trial) == ()
    lock_trial(trial=managed.trial, signature=Intent(PASSWORD), actor=managed.admin, at=AT)
    with pytest.raises(NotReopened, match="before the lock"):
        ask(managed)
    client = Client()
    client.force_login(managed.people["manager"])
    page = client.get(f"/reading/trials/{managed.trial.pk}/reopenings/").content.decode()
    assert "No read is opened again after the lock." in page
    assert "Ask to open it" not in page


def test_a_lesion_taken_away_at_baseline_is_gone_from_the_reads_that_followed_it(managed: World) -> None:
    approve(managed, ask(managed, "BL"))
    assert states(1) == ["assigned", "waiting", "waiting"]

    again(managed, "BL", 1, AssessmentEntry(version=0, lesions=(LIVER,)))

    assert [lesion.number for lesion in Lesion.objects.filter(reader=managed.task("BL", 1).reader)] == [1]
    again(managed, "W8", 1, follow_up(20, nontarget=""))
    again(managed, "W16", 1, follow_up(20, nontarget=""))
    assert states(1) == ["submitted"] * 3


def test_a_later_read_that_was_begun_waits_for_the_one_opened_again(world: World, subject: Subject) -> None:
    world.join("manager", Role.READING_MANAGER)
    world.join("second", Role.READING_MANAGER)
    for code in ("BL", "W8"):
        world.clear(code)
    world.read("BL", 1, baseline(30))
    task = world.task("W8", 1)
    open_task(task=task, actor=task.reader, at=AT)
    save_draft(task=task, entry=follow_up(20), actor=task.reader, at=AT)

    approve(world, ask(world, "BL"))

    assert states(1) == ["assigned", "waiting"]
    again(world, "BL", 1, AssessmentEntry(version=0, lesions=(LIVER, PLEURA)))
    assert states(1) == ["submitted", "assigned"]
    assert Assessment.objects.get(task=task).measurements.count() == 2


def test_a_scan_that_came_too_late_is_read_once_the_later_reads_are_open_again(world: World, subject: Subject) -> None:
    world.join("manager", Role.READING_MANAGER)
    world.join("second", Role.READING_MANAGER)
    world.clear("BL")
    world.read_by_both("BL", baseline(30))
    enrolling.mark_missed(timepoint=world.timepoint("W8"), reason="Away", actor=world.coordinator, at=AT)
    jobs.drain()
    world.clear("W16")
    world.read_by_both("W16", follow_up(20))
    world.clear("W8")
    assert "have to be opened again" in readiness(world.trial)[0].sentence

    for slot in (1, 2):
        approve(world, ask(world, "W16", slot))

    assert (states(1), states(2)) == (["submitted", "assigned", "waiting"], ["submitted", "assigned", "waiting"])


@pytest.mark.parametrize("who", ["manager", "reader-a", "judge"])
def test_only_another_who_manages_can_approve(managed: World, who: str) -> None:
    asked = ask(managed)
    with pytest.raises((NotReopened, access.AccessDenied)):
        approve(managed, asked, who)
    with pytest.raises((NotReopened, access.AccessDenied)):
        decline_reopening(reopening=asked, reason="No", actor=managed.people[who], at=AT)
    assert Reopening.objects.get().state == "asked"


def test_a_wrong_password_leaves_everything_as_it_was(managed: World) -> None:
    with pytest.raises(WrongPassword):
        approve(managed, ask(managed), password="wrong")
    assert (states(1), Reopening.objects.get().state, SignedVersion.objects.count()) == (["submitted"] * 3, "asked", 0)
    assert Adjudication.objects.get().state == "decided"


def test_declined_it_stays_as_it_is_and_can_be_asked_again(managed: World) -> None:
    asked = ask(managed)
    with pytest.raises(NotReopened, match="asked to be opened already"):
        ask(managed)
    with pytest.raises(ReasonRequired):
        decline_reopening(reopening=asked, reason=" ", actor=managed.people["second"], at=AT)

    decline_reopening(reopening=asked, reason="It was 20", actor=managed.people["second"], at=AT)

    with pytest.raises(IllegalMove):
        approve(managed, asked)
    assert (states(1), Adjudication.objects.get().state) == (["submitted"] * 3, "decided")
    who_asked = Client()
    who_asked.force_login(managed.people["manager"])
    assert "It was 20" in who_asked.get(f"/reading/reopenings/{asked.pk}/").content.decode()
    assert ask(managed).state == "asked"


def test_only_a_signed_read_is_opened_and_only_with_a_reason(world: World, subject: Subject) -> None:
    world.join("manager", Role.READING_MANAGER)
    world.clear("BL")
    with pytest.raises(NotReopened, match="only a signed read can"):
        ask(world, "BL")
    world.read("BL", 1, baseline(30))
    with pytest.raises(ReasonRequired):
        ask(world, "BL", reason=" ")
    with pytest.raises(access.AccessDenied):
        ask_reopening(task=world.task("BL", 1), reason="Mine", actor=world.task("BL", 1).reader, at=AT)


def test_a_kept_version_refuses_change(managed: World) -> None:
    approve(managed, ask(managed))
    version = SignedVersion.objects.first()
    version.content = {}
    with pytest.raises(audit.RecordFrozen):
        audit.save(version, action="signedversion.changed", actor=None, at=AT)


def test_the_pages_ask_and_decide(managed: World) -> None:
    def signed_in(name: str) -> Client:
        client = Client()
        client.force_login(managed.people[name])
        return client

    task, trial = managed.task("W8", 1), managed.trial.pk
    form = {"task": task.pk, "reason": "Typed 20 for 28"}
    assert signed_in("manager").post(f"/reading/trials/{trial}/reopenings/ask/", form).status_code == 302
    asked = Reopening.objects.get()
    address = f"/reading/reopenings/{asked.pk}/"
    mine = signed_in("manager").get(address).content.decode()
    assert "A second person decides" in mine
    second = signed_in("second")
    page = second.get(address).content.decode()
    assert f"Adjudication {Adjudication.objects.get().blinded_code} is superseded." in page
    assert page.count("must be signed again by") == 2

    assert second.post(address, {"verdict": "approve"}).status_code == 422
    assert second.post(address, {"verdict": "decline"}).status_code == 422
    assert (
        second.post(address, {"verdict": "approve", "password": PASSWORD, "shown_sha256": shown(asked)}).status_code
        == 302
    )

    assert states(1) == ["submitted", "assigned", "waiting"]
    kept = second.get(address).content.decode()
    assert "Kept as they were signed" in kept
    assert "Typed 20 for 28" in second.get(f"/reading/trials/{trial}/reopenings/").content.decode()
