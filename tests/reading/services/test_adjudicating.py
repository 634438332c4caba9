"""Two readers differ: exactly one adjudication opens, and its choice is what counts."""

from __future__ import annotations

import pytest

from compliance import access, jobs
from compliance.models import Job
from compliance.signing import Intent, WrongPassword
from compliance.transitions import IllegalMove, ReasonRequired
from reading.models import Adjudication
from reading.services.adjudicating import UnknownChoice, decide, open_adjudications, open_case
from tests.reading.conftest import AT, PASSWORD, World, baseline, follow_up
from trials.models import Role, Subject
from trials.services import enrolling, setting_up

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-ADJ-001")]

BY_TIMEPOINT = {"by": "timepoint", "triggers": ["overall_response"], "date_window_days": 0}


def read_all(world: World, first: tuple[object, object], second: tuple[object, object]) -> None:
    """Three scans; each reader's target of 30 mm at baseline, and what it measured at week 8 and week 16."""
    for code in ("BL", "W8", "W16"):
        world.clear(code)
    world.read_by_both("BL", baseline(30))
    world.read_by_both("W8", follow_up(first[0]), follow_up(second[0]))
    world.read_by_both("W16", follow_up(first[1]), follow_up(second[1]))


def choose(adjudication: Adjudication, choice: str, **other: str) -> Adjudication:
    said = {"rationale": "Clearer margins", "password": PASSWORD, **other}
    return decide(
        adjudication=adjudication,
        choice=choice,
        rationale=said["rationale"],
        signature=Intent(said["password"]),
        actor=adjudication.adjudicator,
        at=AT,
    )


def test_readers_who_agree_need_no_adjudication(world: World, subject: Subject) -> None:
    read_all(world, (20, 20), (19, 18))

    assert not Adjudication.objects.exists()
    result = world.result(subject)
    assert (result.accepted.slot, result.accepted.bor) == (1, "PR")


def test_by_subject_one_adjudication_opens_when_all_is_read(world: World, subject: Subject) -> None:
    for code in ("BL", "W8", "W16"):
        world.clear(code)
    world.read_by_both("BL", baseline(30))
    world.read_by_both("W8", follow_up(20), follow_up(28))
    assert not Adjudication.objects.exists()

    world.read_by_both("W16", follow_up(20), follow_up(28))

    adjudication = Adjudication.objects.get()
    assert adjudication.timepoint is None
    assert adjudication.triggers == [
        {"name": "overall_response", "timepoint_ids": ["W8", "W16"], "values": [["PR", "SD"], ["PR", "SD"]]},
        {"name": "best_overall_response", "timepoint_ids": [], "values": [["PR", "SD"]]},
    ]
    assert world.result(subject).accepted is None


def test_asking_again_opens_no_second_one(world: World, subject: Subject) -> None:
    read_all(world, (20, 20), (28, 28))

    assert open_adjudications(subject=subject, at=AT) == ()
    assert Adjudication.objects.count() == 1


def test_by_timepoint_each_discordant_timepoint_is_adjudicated_once_both_have_signed(world: World) -> None:
    world.amend(adjudication=BY_TIMEPOINT)
    subject = world.enrol()
    for code in ("BL", "W8", "W16"):
        world.clear(code)
    world.read_by_both("BL", baseline(30))
    world.read("W8", 1, follow_up(20))
    assert not Adjudication.objects.exists()

    world.read("W8", 2, follow_up(28))
    assert [a.timepoint.code for a in Adjudication.objects.all()] == ["W8"]

    world.read_by_both("W16", follow_up(20), follow_up(20))
    assert [a.timepoint.code for a in Adjudication.objects.all()] == ["W8"]

    adjudication = Adjudication.objects.get()
    choose(adjudication, "left" if adjudication.left_slot == 2 else "right")
    result = world.result(subject)
    assert (result.accepted.slot, result.accepted.bor, result.accepted.first_response) == (None, "PR", "W16")
    accepted = {(s.slot, r.timepoint.code) for s in result.slots for r in s.reads if r.accepted}
    assert accepted == {(1, "BL"), (2, "W8"), (1, "W16")}


@pytest.mark.requirement("REQ-ADJ-003")
def test_the_chosen_reader_is_accepted_at_every_timepoint(world: World, subject: Subject) -> None:
    read_all(world, (20, 40), (28, 28))
    adjudication = Adjudication.objects.get()

    choose(adjudication, "left" if adjudication.left_slot == 2 else "right")

    result = world.result(subject)
    assert (result.accepted.slot, result.accepted.bor, result.accepted.progression) == (2, "SD", "")
    assert {(s.slot, r.accepted) for s in result.slots for r in s.reads} == {(1, False), (2, True)}


def test_progression_is_told_by_its_timepoint(world: World, subject: Subject) -> None:
    read_all(world, (30, 40), (30, 41))

    result = world.result(subject)
    assert (result.accepted.bor, result.accepted.progression) == ("SD", "W16")


@pytest.mark.requirement("REQ-ADJ-002")
def test_an_adjudicator_who_read_the_subject_is_not_asked(world: World, subject: Subject) -> None:
    for reader in ("reader-a", "reader-b"):
        setting_up.grant_membership(
            trial=world.trial, user=world.people[reader], role=Role.ADJUDICATOR, actor=world.admin, at=AT
        )

    read_all(world, (20, 20), (28, 28))

    assert Adjudication.objects.get().adjudicator.username == "judge"


def test_without_an_adjudicator_it_waits_for_one(world: World, subject: Subject) -> None:
    membership = world.trial.memberships.get(user=world.people["judge"])
    setting_up.end_membership(membership=membership, reason="Left", actor=world.admin, at=AT)
    read_all(world, (20, 20), (28, 28))
    assert not Adjudication.objects.exists()
    assert world.result(subject).accepted is None

    world.join("second-judge", Role.ADJUDICATOR)
    Job.objects.filter(state=Job.State.QUEUED).update(not_before=AT)
    jobs.drain()

    assert Adjudication.objects.get().adjudicator.username == "second-judge"


@pytest.mark.requirement("REQ-ADJ-003")
def test_a_choice_needs_a_rationale_a_side_and_the_password(world: World, subject: Subject) -> None:
    read_all(world, (20, 20), (28, 28))
    adjudication = Adjudication.objects.get()

    with pytest.raises(ReasonRequired):
        choose(adjudication, "left", rationale=" ")
    with pytest.raises(WrongPassword):
        choose(adjudication, "left", password="wrong")
    with pytest.raises(UnknownChoice):
        choose(adjudication, "both")
    with pytest.raises(access.AccessDenied):
        decide(
            adjudication=adjudication,
            choice="left",
            rationale="Mine",
            signature=Intent(PASSWORD),
            actor=world.people["reader-a"],
            at=AT,
        )
    assert Adjudication.objects.get().state == "open"


@pytest.mark.requirement("REQ-ADJ-003")
def test_a_choice_is_made_once(world: World, subject: Subject) -> None:
    read_all(world, (20, 20), (28, 28))
    adjudication = Adjudication.objects.get()
    open_case(adjudication=adjudication, actor=adjudication.adjudicator, at=AT)
    choose(adjudication, "left")

    with pytest.raises(IllegalMove):
        choose(adjudication, "right")

    assert Adjudication.objects.get().chosen_slot == adjudication.left_slot


def test_a_missed_last_visit_completes_the_subject(world: World, subject: Subject) -> None:
    world.clear("BL")
    world.clear("W8")
    world.read_by_both("BL", baseline(30))
    world.read_by_both("W8", follow_up(20), follow_up(28))
    assert not Adjudication.objects.exists()

    enrolling.mark_missed(timepoint=world.timepoint("W16"), reason="No scan", actor=world.coordinator, at=AT)
    jobs.drain()

    assert Adjudication.objects.count() == 1


def test_a_withdrawn_subject_is_complete_with_what_was_scanned(
    world: World, subject: Subject, django_capture_on_commit_callbacks
) -> None:
    world.clear("BL")
    world.clear("W8")
    world.read_by_both("BL", baseline(30))
    world.read_by_both("W8", follow_up(20), follow_up(28))

    with django_capture_on_commit_callbacks(execute=True):
        enrolling.withdraw_subject(subject=subject, reason="Consent withdrawn", actor=world.coordinator, at=AT)
    jobs.drain()

    assert Adjudication.objects.count() == 1


def test_a_single_reader_is_never_adjudicated(world: World) -> None:
    world.amend(readers_per_timepoint=1)
    subject = world.enrol()
    for code, entry in (("BL", baseline(30)), ("W8", follow_up(20)), ("W16", follow_up(20))):
        world.clear(code)
        world.read(code, 1, entry)

    assert not Adjudication.objects.exists()
    assert world.result(subject).accepted.bor == "PR"
