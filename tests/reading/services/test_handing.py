"""Reads and cases are handed on with a reason: drafts stay and are out of reach, and the next reader begins anew."""

from __future__ import annotations

import pytest
from django.test import Client

from compliance import access, jobs
from compliance.models import AuditEvent, User
from compliance.signing import Intent
from compliance.transitions import ReasonRequired
from reading import selectors
from reading.blinding import NotOpen
from reading.models import Adjudication, Assessment, Handover, Lesion, ReadTask
from reading.services.adjudicating import decide
from reading.services.assessing import open_task, save_draft
from reading.services.excluding import exclude, make_pair
from reading.services.handing import (
    NotHandedOn,
    hand_on_case,
    hand_on_reads,
    takers_of_case,
    takers_of_reads,
)
from reading.services.reopening import approve_reopening, ask_reopening
from tests.reading.conftest import AT, PASSWORD, World, baseline, follow_up
from trials.models import Role, Subject
from trials.services import enrolling, setting_up

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-REA-009")]

WHY = "On leave for a month"


@pytest.fixture
def managed(world: World, subject: Subject) -> World:
    """A subject with two cleared timepoints and two readers, and a third who joins afterwards."""
    world.join("manager", Role.READING_MANAGER)
    world.join("second", Role.READING_MANAGER)
    world.clear("BL")
    world.clear("W8")
    world.join("reader-c", Role.READER)
    return world


def hand_on(
    world: World, slot: int = 1, to: str = "reader-c", reason: str = WHY, subject: Subject | None = None
) -> Handover:
    return hand_on_reads(
        subject=subject or world.trial.subjects.get(),
        slot=slot,
        taker=world.people[to],
        reason=reason,
        actor=world.people["manager"],
        at=AT,
    )


def test_the_next_reader_begins_anew_and_the_draft_is_kept_out_of_reach(managed: World) -> None:
    before = managed.task("BL", 1)
    open_task(task=before, actor=before.reader, at=AT)
    save_draft(task=before, entry=baseline(30, comment="A first thought"), actor=before.reader, at=AT)
    client = Client()
    client.force_login(before.reader)
    assert client.get(f"/reading/tasks/{before.blinded_code}/").status_code == 200

    hand_on(managed)

    tasks = list(ReadTask.objects.filter(slot=1).order_by("order"))
    assert [(t.reader.username, t.state) for t in tasks] == [("reader-c", "assigned"), ("reader-c", "waiting")]
    assert not Assessment.objects.filter(task__in=tasks).exists()
    kept = ReadTask.kept.get(pk=before.pk)
    assert (kept.state, kept.assessment.comment, kept.reader) == ("handed_on", "A first thought", before.reader)
    assert Lesion.every.filter(first_seen=kept).count() == 2
    # Neither page, nor list, nor a page left open.
    assert client.get(f"/reading/tasks/{before.blinded_code}/").status_code == 404
    assert before.blinded_code not in client.get("/reading/").content.decode()
    for act in (
        lambda: save_draft(task=before, entry=baseline(40), actor=before.reader, at=AT),
        lambda: open_task(task=kept, actor=before.reader, at=AT),
    ):
        with pytest.raises((access.AccessDenied, NotOpen)):
            act()
    assert not selectors.tasks_of(before.reader).exists()


def test_nothing_tells_the_next_reader_that_somebody_was_there_before(managed: World) -> None:
    before = managed.task("BL", 1)
    open_task(task=before, actor=before.reader, at=AT)
    save_draft(task=before, entry=baseline(61.57, comment="QUILL"), actor=before.reader, at=AT)
    names = {code for t in ReadTask.objects.filter(slot=1) for code in (t.blinded_code, t.case_code)}
    hand_on(managed)

    taken = managed.task("BL", 1)
    assert not names & {code for t in ReadTask.objects.filter(slot=1) for code in (t.blinded_code, t.case_code)}
    assert len({t.case_code for t in ReadTask.objects.filter(slot=1)}) == 1
    client = Client()
    client.force_login(taken.reader)
    pages = [
        client.get("/reading/").content.decode(),
        client.get(f"/reading/tasks/{taken.blinded_code}/").content.decode(),
    ]
    for page in pages:
        for hidden in (*names, before.reader.username, "QUILL", "61.57", "anded", WHY):
            assert hidden not in page


def test_the_next_reader_reads_to_the_end_and_the_result_is_theirs(managed: World, subject: Subject) -> None:
    before = managed.task("BL", 1)
    open_task(task=before, actor=before.reader, at=AT)
    save_draft(task=before, entry=baseline(99), actor=before.reader, at=AT)
    hand_on(managed)
    enrolling.mark_missed(timepoint=managed.timepoint("W16"), reason="Moved away", actor=managed.coordinator, at=AT)
    managed.read_by_both("BL", baseline(30))
    managed.read_by_both("W8", follow_up(20))
    jobs.drain()

    result = managed.result(subject)
    assert result.slots[0].reader.username == "reader-c"
    assert [read.burden for read in result.slots[0].reads] == [30, 20]
    assert result.accepted is not None
    assert managed.timepoint("BL").reading_state == "read"


def test_scans_that_come_later_go_to_the_one_who_took_over(managed: World) -> None:
    hand_on(managed)
    managed.clear("W16")
    task = managed.task("W16", 1)
    assert task.reader.username == "reader-c"
    assert task.case_code == managed.task("BL", 1).case_code


def test_the_hand_over_is_recorded_with_its_reason_and_cannot_be_changed(managed: World) -> None:
    giver = managed.task("BL", 1).reader
    made = hand_on(managed)
    assert (made.giver, made.taker, made.reason, made.made_by) == (
        giver,
        managed.people["reader-c"],
        WHY,
        managed.people["manager"],
    )
    assert made.frozen_by() == "a hand-over is kept as it was"
    events = AuditEvent.objects.filter(reason=WHY, actor=managed.people["manager"]).order_by("pk")
    assert list(events.values_list("action", flat=True)) == ["readtask.hand_on"] * 2 + ["handover.made"]


def test_a_signed_read_stays_until_it_is_opened_again(managed: World) -> None:
    managed.read("BL", 1, baseline(30))
    signed = managed.task("BL", 1)
    with pytest.raises(NotHandedOn, match=f"Have read {signed.blinded_code} opened again first"):
        hand_on(managed)

    asked = ask_reopening(task=signed, reason="Wrong reader", actor=managed.people["manager"], at=AT)
    approve_reopening(reopening=asked, signature=Intent(PASSWORD), actor=managed.people["second"], at=AT)
    hand_on(managed)

    kept = ReadTask.kept.get(pk=signed.pk)
    assert (kept.state, kept.signed_versions.count()) == ("handed_on", 1)
    assert managed.task("BL", 1).reader.username == "reader-c"
    # The auditor's line through time still has what was signed.
    auditor = managed.join("auditor", Role.AUDITOR)
    client = Client()
    client.force_login(auditor)
    assert client.get(f"/reading/replays/{signed.blinded_code}/").status_code == 200


def against(world: World, slot: int = 1) -> dict[str, str]:
    return {one.person.username: one.against for one in takers_of_reads(world.trial.subjects.get(), slot)}


def test_who_cannot_take_over_is_listed_with_the_reason(managed: World, subject: Subject) -> None:
    current = managed.task("BL", 1).reader.username
    mate = managed.task("BL", 2).reader.username
    managed.join("reader-d", Role.READER)
    exclude(
        trial=managed.trial,
        person=managed.people["reader-d"],
        of=managed.site,
        kind="institution",
        reason="Works there",
        actor=managed.people["manager"],
        at=AT,
    )
    assert against(managed) == {
        current: "has or had this subject already",
        mate: "has or had this subject already",
        "reader-c": "",
        "reader-d": "is excluded from it: own institution with SITE-77",
    }
    with pytest.raises(NotHandedOn, match="reader-d is excluded from it: own institution with SITE-77"):
        hand_on(managed, to="reader-d")
    with pytest.raises(NotHandedOn, match="judge is no reader of this trial"):
        hand_on(managed, to="judge")


def test_a_reader_who_never_looked_may_get_the_subject_back_and_one_who_did_may_not(managed: World) -> None:
    first = managed.task("BL", 1).reader.username
    hand_on(managed)
    assert against(managed)[first] == ""
    hand_on(managed, to=first)
    assert len({t.case_code for t in ReadTask.kept.filter(slot=1)}) == 3
    task = managed.task("BL", 1)
    open_task(task=task, actor=task.reader, at=AT)
    # The one who has not opened it either takes it; who opened it has it no more.
    hand_on(managed)
    assert against(managed)[first] == "has or had this subject already"


def test_pools_and_pairs_hold_for_who_takes_over_too(world: World) -> None:
    world.join("manager", Role.READING_MANAGER)
    world.amend(readers={"pairing": "fixed"})
    people = world.people
    pair = {"trial": world.trial, "actor": people["manager"], "at": AT}
    make_pair(first=people["reader-a"], second=people["reader-b"], **pair)
    world.enrol()
    world.clear("BL")
    world.join("reader-c", Role.READER)
    mate = world.task("BL", 2).reader
    assert against(world)["reader-c"] == f"makes no fixed pair with {mate.username}"
    make_pair(first=people["reader-c"], second=mate, **pair)
    assert against(world)["reader-c"] == ""
    hand_on(world)


def test_a_reason_and_the_right_are_needed(managed: World, subject: Subject) -> None:
    with pytest.raises(ReasonRequired):
        hand_on(managed, reason=" ")
    for name in ("reader-a", "judge", "admin"):
        with pytest.raises(access.AccessDenied):
            hand_on_reads(
                subject=subject,
                slot=1,
                taker=managed.people["reader-c"],
                reason=WHY,
                actor=User.objects.get(username=name),
                at=AT,
            )
    assert not Handover.objects.exists()


def test_a_place_that_nobody_has_cannot_be_handed_on(managed: World) -> None:
    with pytest.raises(NotHandedOn, match="has no reads of a reader 3"):
        hand_on(managed, slot=3)


# --- adjudications ---------------------------------------------------------------------------------------------


@pytest.fixture
def case(managed: World) -> Adjudication:
    managed.clear("W16")
    managed.read_by_both("BL", baseline(30))
    managed.read_by_both("W8", follow_up(20), follow_up(28))
    managed.read_by_both("W16", follow_up(20), follow_up(28))
    managed.join("umpire", Role.ADJUDICATOR)
    return Adjudication.objects.get()


@pytest.mark.requirement("REQ-ADJ-002", "REQ-REA-009")
def test_who_read_before_a_hand_over_is_not_drawn_to_adjudicate(managed: World, subject: Subject) -> None:
    before = managed.task("BL", 1)
    open_task(task=before, actor=before.reader, at=AT)
    hand_on(managed)
    setting_up.grant_membership(
        trial=managed.trial, user=before.reader, role=Role.ADJUDICATOR, actor=managed.admin, at=AT
    )
    managed.clear("W16")
    managed.read_by_both("BL", baseline(30))
    managed.read_by_both("W8", follow_up(20), follow_up(28))
    managed.read_by_both("W16", follow_up(20), follow_up(28))
    assert Adjudication.objects.get().adjudicator.username == "judge"


def pass_on(world: World, case: Adjudication, to: str = "umpire", reason: str = WHY) -> Adjudication:
    return hand_on_case(adjudication=case, taker=world.people[to], reason=reason, actor=world.people["manager"], at=AT)


def test_an_adjudicator_takes_over_under_a_new_name_and_decides(managed: World, case: Adjudication) -> None:
    again = pass_on(managed, case)

    assert Adjudication.objects.get() == again
    assert Adjudication.every.get(pk=case.pk).state == "superseded"
    assert again.blinded_code != case.blinded_code
    assert (again.triggers, again.left_slot, again.adjudicator.username) == (case.triggers, case.left_slot, "umpire")
    client = Client()
    client.force_login(case.adjudicator)
    assert client.get(f"/reading/adjudications/{case.blinded_code}/").status_code == 404
    decide(
        adjudication=again,
        choice="left",
        rationale="Clearer margins",
        signature=Intent(PASSWORD),
        actor=again.adjudicator,
        at=AT,
    )
    with pytest.raises(NotHandedOn, match="is decided, so it stays"):
        pass_on(managed, again, to="judge")


@pytest.mark.requirement("REQ-ADJ-002", "REQ-REA-009")
def test_who_read_the_subject_never_adjudicates_it(managed: World, case: Adjudication) -> None:
    reader = managed.task("BL", 1).reader
    setting_up.grant_membership(trial=managed.trial, user=reader, role=Role.ADJUDICATOR, actor=managed.admin, at=AT)
    found = {one.person.username: one.against for one in takers_of_case(case)}
    assert found == {reader.username: "has or had this subject already", "umpire": ""}
    with pytest.raises(NotHandedOn, match="already"):
        pass_on(managed, case, to=reader.username)
    with pytest.raises(NotHandedOn, match="judge is no other adjudicator"):
        pass_on(managed, case, to="judge")
    with pytest.raises(ReasonRequired):
        pass_on(managed, case, reason="")
