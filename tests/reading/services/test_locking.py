"""What stands between a trial and its lock, and what the lock closes."""

from __future__ import annotations

import pytest

from compliance import access, audit, jobs, signing
from compliance.signing import Intent, WrongPassword
from imaging.models import ReceivedInstance
from reading.models import Adjudication, Measurement, ReadTask
from reading.services.adjudicating import decide, open_adjudications
from reading.services.assigning import open_reads
from reading.services.locking import NotReady, lock_trial, readiness
from tests.reading.conftest import AT, PASSWORD, World, baseline, follow_up
from tests.support.disarmed import disarm
from trials.models import Role, Site, Subject, Timepoint, Trial
from trials.services import enrolling, querying
from trials.states import QcState

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-LOC-001")]


def sentences(trial: Trial) -> list[str]:
    return [blocker.sentence for blocker in readiness(Trial.objects.get(pk=trial.pk))]


@pytest.fixture
def read(world: World, subject: Subject) -> World:
    """The subject's three scans are read by both, in agreement."""
    for code in ("BL", "W8", "W16"):
        world.clear(code)
    world.read_by_both("BL", baseline(30))
    world.read_by_both("W8", follow_up(20))
    world.read_by_both("W16", follow_up(20))
    return world


def lock(world: World, password: str = PASSWORD) -> Trial:
    return lock_trial(trial=world.trial, signature=Intent(password), actor=world.admin, at=AT)


def test_each_timepoint_says_what_it_waits_for(world: World, subject: Subject) -> None:
    world.clear("BL")
    world.receive(world.timepoint("W8"))

    assert sentences(world.trial) == [
        "Timepoint SUBJ-4242 BL is not signed by all its readers.",
        "Timepoint SUBJ-4242 W8 is not cleared by quality control (awaiting).",
        "Timepoint SUBJ-4242 W16 has no images: wait for them, or mark it as missed.",
    ]


def test_a_trial_fully_read_in_agreement_is_ready(read: World) -> None:
    assert readiness(read.trial) == ()


def test_an_open_query_blocks(read: World) -> None:
    analyst = read.join("analyst", Role.QC_ANALYST)
    query = querying.raise_query(
        about=read.timepoint("BL"), title="Contrast?", text="Which phase?", actor=analyst, at=AT
    )
    assert sentences(read.trial) == [f"Query {query.pk} to site SITE-77 is not closed."]

    querying.close_query(query=query, actor=analyst, at=AT)
    assert sentences(read.trial) == []


def test_what_waits_in_quarantine_blocks(read: World) -> None:
    ReceivedInstance.objects.filter(pk=ReceivedInstance.objects.first().pk).update(state="held")

    assert sentences(read.trial) == ["1 instance waits in quarantine: assign or discard."]


def test_an_adjudication_blocks_until_it_is_decided(world: World, subject: Subject) -> None:
    for code in ("BL", "W8", "W16"):
        world.clear(code)
    world.read_by_both("BL", baseline(30))
    world.read_by_both("W8", follow_up(20), follow_up(28))
    world.read_by_both("W16", follow_up(20), follow_up(28))
    adjudication = Adjudication.objects.get()
    assert sentences(world.trial) == [f"Adjudication {adjudication.blinded_code} is not decided."]

    decide(
        adjudication=adjudication,
        choice="left",
        rationale="Clearer",
        signature=Intent(PASSWORD),
        actor=adjudication.adjudicator,
        at=AT,
    )
    assert sentences(world.trial) == []


def test_visits_that_a_withdrawn_subject_did_not_reach_need_nothing(
    world: World, subject: Subject, django_capture_on_commit_callbacks
) -> None:
    world.clear("BL")
    world.read_by_both("BL", baseline(30))
    enrolling.withdraw_subject(subject=subject, reason="Moved away", actor=world.coordinator, at=AT)

    assert sentences(world.trial) == []
    # No scan after baseline: nothing can be said of the response.
    assert world.result(subject).accepted.bor == "NE"


def test_a_subject_without_a_baseline_scan_needs_nothing_read(world: World, subject: Subject) -> None:
    for code in ("BL", "W16"):
        enrolling.mark_missed(timepoint=world.timepoint(code), reason="No scan", actor=world.coordinator, at=AT)
    world.clear("W8")

    assert sentences(world.trial) == []
    assert world.result(subject).accepted.bor == "NE"


def test_a_trial_that_is_not_ready_is_not_locked(world: World, subject: Subject) -> None:
    with pytest.raises(NotReady) as refused:
        lock(world)

    assert len(refused.value.blockers) == 3
    assert Trial.objects.get(pk=world.trial.pk).state == "running"


def test_the_lock_needs_the_role_and_the_password(read: World) -> None:
    with pytest.raises(access.AccessDenied):
        lock_trial(trial=read.trial, signature=Intent(PASSWORD), actor=read.people["reader-a"], at=AT)
    with pytest.raises(WrongPassword):
        lock(read, "wrong")

    assert Trial.objects.get(pk=read.trial.pk).state == "running"
    assert set(ReadTask.objects.values_list("state", flat=True)) == {"submitted"}


def test_the_lock_is_signed_and_closes_every_read(read: World) -> None:
    trial = lock(read)

    assert (trial.state, trial.locked_at) == ("locked", AT)
    assert set(ReadTask.objects.values_list("state", flat=True)) == {"locked"}
    (signature,) = signing.signatures_on(trial)
    assert signing.still_holds(signature, Trial.objects.get(pk=trial.pk))


@pytest.mark.requirement("REQ-LOC-002")
def test_after_the_lock_no_service_changes_anything(read: World, subject: Subject) -> None:
    signed = ReadTask.objects.get(timepoint=read.timepoint("BL"), slot=1)
    lock(read)

    with pytest.raises(audit.RecordFrozen):
        enrolling.enrol_subject(
            site=Site.objects.get(), code="S-9", reference_date=subject.reference_date, actor=read.coordinator, at=AT
        )
    with pytest.raises(audit.RecordFrozen):
        enrolling.withdraw_subject(subject=subject, reason="Late", actor=read.coordinator, at=AT)
    with pytest.raises(audit.RecordFrozen):
        audit.save(Measurement.objects.first(), action="measurement.entered", actor=None, at=AT)
    with pytest.raises(NotReady):
        lock(read)
    disarm()
    Timepoint.objects.update(reading_state="not_ready", qc_state=QcState.CLEARED)
    assert len(open_reads(timepoint=read.timepoint("BL"), at=AT)) == 6
    assert open_adjudications(subject=subject, at=AT) == ()
    jobs.drain()
    assert signing.still_holds(signing.signatures_on(signed).get(), ReadTask.objects.get(pk=signed.pk))
