"""Training and qualification: cases with references, attempts with points, and the gate before the trial's reads."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from compliance import access, jobs, signing
from compliance.models import AuditEvent, User
from compliance.signing import Intent, WrongPassword
from compliance.transitions import ReasonRequired
from reading import blinding, pages, pages_progress, selectors
from reading import selectors_qualification as questions
from reading.assignment import NotEnoughReaders
from reading.exports.snapshot import snapshot
from reading.models import Adjudication, Attempt, CaseReference, QualificationCase, ReadTask
from reading.services import assigning, cases, qualifying
from reading.services.assessing import open_task, submit_read
from reading.services.entries import AssessmentEntry, LesionEntry
from reading.services.locking import lock_trial, readiness
from reading.services.measuring import variability_report
from reading.states import AttemptState, Purpose, ReadState, ReferenceState
from reading.worklists import of_managers, of_those_examined
from tests.reading.conftest import AT, PASSWORD, World, baseline, follow_up
from trials.models import Role, Subject, Timepoint
from trials.selectors import progress
from trials.services import leaving, setting_up
from trials.services.enrolling import SubjectExists
from trials.states import QcState, SubjectState

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-REA-011")]

TERMS = {"statement": "I know RECIST 1.1.", "test_cases": 1, "valid_days": 365}
SIGNED = Intent(PASSWORD)
DAY = dt.timedelta(days=1)


@pytest.fixture
def manager(world: World) -> User:
    return world.join("manager", Role.READING_MANAGER)


def clear_case(world: World, case: QualificationCase, *codes: str) -> None:
    for code in codes or ("BL", "W8"):
        timepoint = Timepoint.objects.get(subject=case.subject, code=code)
        world.receive(timepoint)
        Timepoint.objects.filter(pk=timepoint.pk).update(qc_state=QcState.CLEARED)


def a_case(world: World, manager: User, code: str = "CASE-1", kind: str = "test") -> QualificationCase:
    case = cases.add_case(site=world.site, code=code, reference_date=AT.date(), kind=kind, actor=manager, at=AT)
    clear_case(world, case)
    return case


def read_all(tasks: list[ReadTask], *entries: AssessmentEntry, at: dt.datetime = AT) -> None:
    for task, entry in zip(tasks, entries, strict=True):
        open_task(task=task, actor=task.reader, at=at)
        submit_read(task=task, entry=entry, signature=SIGNED, actor=task.reader, at=at)
    jobs.drain()


def with_reference(
    world: World,
    manager: User,
    code: str = "CASE-1",
    kind: str = "test",
    entries: tuple[AssessmentEntry, ...] = (baseline(30, 20), follow_up(20, 10)),
) -> QualificationCase:
    """A case that the adjudicator has read as its expert, and the manager approved."""
    case = a_case(world, manager, code, kind)
    reference = cases.ask_reference(case=case, expert=world.people["judge"], actor=manager, at=AT)
    read_all(list(reference.tasks()), *entries)
    reference.refresh_from_db()
    cases.approve_reference(reference=reference, signature=SIGNED, actor=manager, at=AT)
    return case


def reader(world: World, name: str = "reader-a") -> User:
    return User.objects.get(username=name)


def attempt_of(world: World, *entries: AssessmentEntry, name: str = "reader-a", at: dt.datetime = AT) -> Attempt:
    """Begin an attempt and read its one case."""
    attempt = qualifying.begin(trial=world.trial, signature=SIGNED, actor=reader(world, name), at=at)
    (read,) = attempt.cases.all()
    if entries:
        read_all(list(read.tasks()), *entries, at=at)
        attempt.refresh_from_db()
    return attempt


GOOD = (baseline(30, 20), follow_up(20, 10))
#: Another response, another sum, and one of the two targets missing.
BAD = (baseline(60), follow_up(60))


@pytest.fixture
def asked(world: World, manager: User) -> QualificationCase:
    """A charter that asks for one test case, which is ready."""
    world.amend(qualification=TERMS)
    return with_reference(world, manager)


# --- cases -----------------------------------------------------------------------------------------------


def test_a_case_is_a_subject_set_aside_that_no_count_and_no_result_knows_of(world: World, manager: User) -> None:
    with_reference(world, manager)
    subject = Subject.objects.get(code="CASE-1")
    assert (subject.state, subject.enrolled_at) == (SubjectState.CASE, None)
    (row,) = progress(world.trial)
    assert {row[name] for name in ("screened", "enrolled", "expected", "received", "cleared")} == {0}
    assert pages_progress.steps_to_lock(world.trial)["planned"] == 0
    assert pages_progress.progress_rows(world.trial, ["BL"]) == []
    assert [row for row in pages_progress.workload(world.trial) if row.total] == []
    assert list(selectors.subject_results(world.trial)) == []
    assert selectors.held_up_for_readers(world.trial) == []
    assert not any("CASE-1" in blocker.sentence for blocker in readiness(world.trial))


def test_clearing_a_case_opens_no_read_for_the_endpoint(world: World, manager: User) -> None:
    case = a_case(world, manager)
    baseline_of = case.subject.timepoints.get(code="BL")
    assert assigning.open_reads(timepoint=baseline_of, at=AT) == ()
    assert not ReadTask.every.filter(timepoint__subject=case.subject).exists()


def test_a_code_is_used_once_and_only_the_manager_sets_aside(world: World, manager: User, subject: Subject) -> None:
    by = {"reference_date": AT.date(), "kind": "test", "at": AT}
    with pytest.raises(SubjectExists):
        cases.add_case(site=world.site, code=subject.code, actor=manager, **by)
    with pytest.raises(access.AccessDenied):
        cases.add_case(site=world.site, code="CASE-9", actor=world.coordinator, **by)


def test_the_expert_reads_what_is_cleared_up_to_the_first_that_is_not(world: World, manager: User) -> None:
    case = cases.add_case(site=world.site, code="CASE-1", reference_date=AT.date(), kind="test", actor=manager, at=AT)
    with pytest.raises(cases.CaseNotReady, match="no baseline"):
        cases.ask_reference(case=case, expert=world.people["judge"], actor=manager, at=AT)
    clear_case(world, case, "BL", "W16")
    reference = cases.ask_reference(case=case, expert=world.people["judge"], actor=manager, at=AT)
    (task,) = reference.tasks()
    assert (task.timepoint.code, task.purpose, task.state) == ("BL", Purpose.QUALIFICATION, ReadState.ASSIGNED)
    with pytest.raises(cases.CaseNotReady, match="neither reader nor adjudicator"):
        cases.ask_reference(case=case, expert=manager, actor=manager, at=AT)


def test_a_reference_is_approved_by_signature_of_somebody_else_and_the_one_before_is_kept(
    world: World, manager: User
) -> None:
    case = with_reference(world, manager)
    first = case.references.get()
    assert signing.signatures_on(first)[0].signer == manager
    world.join("second", Role.READING_MANAGER)
    second = cases.ask_reference(case=case, expert=reader(world), actor=manager, at=AT)
    read_all(list(second.tasks()), *GOOD)
    second.refresh_from_db()
    assert second.state == ReferenceState.SUBMITTED
    cases.approve_reference(reference=second, signature=SIGNED, actor=manager, at=AT)
    assert list(case.references.values_list("number", "state")) == [(1, "superseded"), (2, "approved")]


def test_nobody_approves_the_own_reading(world: World, manager: User) -> None:
    expert = world.people["judge"]
    setting_up.grant_membership(trial=world.trial, user=expert, role=Role.READING_MANAGER, actor=world.admin, at=AT)
    case = a_case(world, manager)
    reference = cases.ask_reference(case=case, expert=expert, actor=manager, at=AT)
    read_all(list(reference.tasks()), *GOOD)
    reference.refresh_from_db()
    with pytest.raises(cases.CaseNotReady, match="second person"):
        cases.approve_reference(reference=reference, signature=SIGNED, actor=User.objects.get(pk=expert.pk), at=AT)


def test_a_reference_left_aside_takes_back_what_is_not_signed(world: World, manager: User) -> None:
    case = a_case(world, manager)
    reference = cases.ask_reference(case=case, expert=world.people["judge"], actor=manager, at=AT)
    with pytest.raises(ReasonRequired):
        cases.decline_reference(reference=reference, reason="", actor=manager, at=AT)
    cases.decline_reference(reference=reference, reason="Wrong series", actor=manager, at=AT)
    assert {task.state for task in reference.tasks()} == {ReadState.WITHDRAWN}


# --- attempts ----------------------------------------------------------------------------------------------


def test_a_reader_signs_the_statement_reads_the_case_and_passes(world: World, asked: QualificationCase) -> None:
    attempt = attempt_of(world, *GOOD)
    assert attempt.state == AttemptState.PASSED
    assert attempt.result == {
        "points": 5,
        "of": 5,
        "mark_percent": "80",
        "tolerance_percent": "10",
        "compared": ["response", "burden", "targets"],
    }
    assert attempt.valid_until == AT + 365 * DAY
    (read,) = attempt.cases.all()
    assert [(p["item"], p["timepoint"], p["own"], p["reference"], p["agrees"]) for p in read.points] == [
        ("response", "W8", "PR", "PR", True),
        ("burden", "BL", "50", "50", True),
        ("burden", "W8", "30", "30", True),
        ("targets", "BL", "T01", "T01 LIVER", True),
        ("targets", "BL", "T02", "T02 LUNG", True),
    ]
    assert [s.signer.username for s in signing.signatures_on(attempt)] == ["reader-a"]


def test_without_the_password_nothing_is_begun(world: World, asked: QualificationCase) -> None:
    with pytest.raises(WrongPassword):
        qualifying.begin(trial=world.trial, signature=Intent("wrong"), actor=reader(world), at=AT)
    assert not Attempt.objects.exists()


def test_too_few_points_fail_and_the_attempts_are_counted(
    world: World, asked: QualificationCase, manager: User
) -> None:
    assert attempt_of(world, *BAD).state == AttemptState.FAILED
    standing = questions.standing_of(world.trial, reader(world), AT)
    assert (standing.state, standing.is_open, standing.left, standing.may_begin) == ("failed", False, 1, True)
    second = qualifying.begin(trial=world.trial, signature=SIGNED, actor=reader(world), at=AT)
    (read,) = second.cases.all()
    first, later = read.tasks()
    read_all([first], baseline(60))
    read_all([later], AssessmentEntry(0, lesions=tuple(same_lesions(later))))
    assert not questions.standing_of(world.trial, reader(world), AT).may_begin
    with pytest.raises(qualifying.NotAsked):
        qualifying.begin(trial=world.trial, signature=SIGNED, actor=reader(world), at=AT)

    qualifying.allow_again(trial=world.trial, person=reader(world), reason="Retrained", actor=manager, at=AT)
    assert questions.standing_of(world.trial, reader(world), AT).may_begin
    third = qualifying.begin(trial=world.trial, signature=SIGNED, actor=reader(world), at=AT)
    assert (third.number, third.why) == (3, "Retrained")
    event = AuditEvent.objects.get(action="attempt.prepared", reason="Retrained")
    assert event.actor == manager


def same_lesions(task: ReadTask) -> list[LesionEntry]:
    """Every lesion as it was at the timepoint before."""
    (before,) = selectors.own_reads_before(task)
    return [
        LesionEntry(m.lesion.number, m.lesion.category, state=m.state, diameter_mm=m.diameter_mm)
        for m in before.assessment.measurements.select_related("lesion")
    ]


def test_training_cases_come_once_and_give_no_points(world: World, manager: User) -> None:
    world.amend(qualification={"training_cases": 1, "test_cases": 1})
    with_reference(world, manager, "CASE-1", "training")
    with_reference(world, manager, "CASE-2", "test")
    attempt = qualifying.begin(trial=world.trial, signature=SIGNED, actor=reader(world), at=AT)
    training, test = attempt.cases.select_related("case").order_by("-case__kind")
    assert (training.case.kind, test.case.kind) == ("training", "test")
    read_all(list(training.tasks()), *BAD)
    attempt.refresh_from_db()
    assert attempt.state == AttemptState.BEGUN
    read_all(list(test.tasks()), *BAD)
    attempt.refresh_from_db()
    assert (attempt.state, attempt.result["of"]) == (AttemptState.FAILED, 5)
    second = qualifying.begin(trial=world.trial, signature=SIGNED, actor=reader(world), at=AT)
    assert [read.case.kind for read in second.cases.select_related("case")] == ["test"]


def test_an_attempt_takes_the_test_case_that_the_reader_had_least_often(world: World, manager: User) -> None:
    world.amend(qualification=TERMS)
    with_reference(world, manager, "CASE-1")
    with_reference(world, manager, "CASE-2")
    attempt_of(world, *BAD)
    second = qualifying.begin(trial=world.trial, signature=SIGNED, actor=reader(world), at=AT)
    assert second.cases.get().case.subject.code == "CASE-2"


def test_nobody_begins_without_enough_cases_nor_by_a_case_of_the_own_reading(world: World, manager: User) -> None:
    world.amend(qualification={**TERMS, "adjudicators": True})
    with pytest.raises(qualifying.CasesMissing):
        qualifying.begin(trial=world.trial, signature=SIGNED, actor=reader(world), at=AT)
    with_reference(world, manager)
    with pytest.raises(qualifying.CasesMissing):
        qualifying.begin(trial=world.trial, signature=SIGNED, actor=world.people["judge"], at=AT)


def test_a_case_of_somebody_who_withdrew_consent_is_given_to_nobody(world: World, asked: QualificationCase) -> None:
    leaving.withdraw_consent(
        subject=asked.subject,
        withdrawn_on=AT.date(),
        reason="Told the site",
        signature=SIGNED,
        actor=world.coordinator,
        at=AT,
    )
    with pytest.raises(qualifying.CasesMissing):
        qualifying.begin(trial=world.trial, signature=SIGNED, actor=reader(world), at=AT)


def test_a_statement_alone_is_signed_once_and_opens_the_queue(world: World) -> None:
    world.amend(qualification={"statement": "I have read the charter."})
    attempt = qualifying.begin(trial=world.trial, signature=SIGNED, actor=reader(world), at=AT)
    assert attempt.state == AttemptState.PASSED
    assert questions.standing_of(world.trial, reader(world), AT).is_open


def test_a_later_reference_changes_no_points_that_were_given(
    world: World, asked: QualificationCase, manager: User
) -> None:
    attempt = attempt_of(world, *GOOD)
    points = attempt.cases.get().points
    second = cases.ask_reference(case=asked, expert=world.people["judge"], actor=manager, at=AT)
    first, later = second.tasks()
    read_all([first], baseline(90))
    read_all([later], AssessmentEntry(0, lesions=tuple(same_lesions(later))))
    second.refresh_from_db()
    cases.approve_reference(reference=second, signature=SIGNED, actor=manager, at=AT)
    read = attempt.cases.get()
    assert (read.points, read.reference.number) == (points, 1)


# --- the gate ------------------------------------------------------------------------------------------------


def test_who_has_not_qualified_is_not_drawn_and_passing_opens_what_waits(
    world: World, asked: QualificationCase, manager: User
) -> None:
    subject = world.enrol()
    with pytest.raises(NotEnoughReaders):
        world.clear("BL", subject)
    jobs.enqueue("reading.open_reads", "x", at=AT, timepoint_id=world.timepoint("BL").pk)
    labels = {one.label: one for one in of_managers(manager, world.trial, AT)}
    assert labels["Timepoints without readers"].note == "cleared, and nobody qualified is free"

    attempt_of(world, *GOOD)
    assert not ReadTask.objects.exists()
    attempt_of(world, *GOOD, name="reader-b")
    jobs.drain()
    drawn = ReadTask.objects.filter(timepoint=world.timepoint("BL", subject))
    assert {task.reader.username for task in drawn} == {"reader-a", "reader-b"}


def test_a_qualification_that_ran_out_closes_reads_and_a_new_attempt_opens_them(
    world: World, asked: QualificationCase
) -> None:
    attempt_of(world, *GOOD)
    attempt_of(world, *GOOD, name="reader-b")
    world.enrol()
    world.clear("BL")
    task = ReadTask.objects.get(reader=reader(world))
    late = AT + 366 * DAY
    assert questions.standing_of(world.trial, reader(world), late).state == "expired"
    with pytest.raises(blinding.NotOpen, match="qualification"):
        open_task(task=task, actor=task.reader, at=late)
    (row,) = pages.worklist_of(task.reader, questions.trials_closed_to(task.reader, late)).on_hold
    assert row.waits_for == "your qualification"
    open_task(task=task, actor=task.reader, at=AT)
    with pytest.raises(blinding.NotOpen, match="qualification"):
        submit_read(task=task, entry=baseline(30), signature=SIGNED, actor=task.reader, at=late)
    again = qualifying.begin(trial=world.trial, signature=SIGNED, actor=reader(world), at=late)
    first, later = again.cases.get().tasks()
    read_all([first], baseline(30, 20), at=late)
    sizes = iter([Decimal(20), Decimal(10)])
    shrunk = [
        LesionEntry(e.number, e.category, state=e.state, diameter_mm=e.diameter_mm and next(sizes))
        for e in same_lesions(later)
    ]
    read_all([later], AssessmentEntry(0, lesions=tuple(shrunk)), at=late)
    open_task(task=task, actor=task.reader, at=late)


def test_the_manager_waives_with_a_reason_and_a_signature(
    world: World, asked: QualificationCase, manager: User
) -> None:
    attempt = attempt_of(world)
    by = {"trial": world.trial, "person": reader(world), "actor": manager, "at": AT}
    with pytest.raises(ReasonRequired):
        qualifying.waive(reason=" ", signature=SIGNED, **by)
    with pytest.raises(access.AccessDenied):
        qualifying.waive(reason="Mine", signature=SIGNED, **{**by, "actor": reader(world)})
    qualifying.waive(reason="Read the sister trial", signature=SIGNED, **by)
    attempt.refresh_from_db()
    assert (attempt.state, attempt.why) == (AttemptState.WAIVED, "Read the sister trial")
    assert {task.state for task in attempt.cases.get().tasks()} == {ReadState.WITHDRAWN}
    assert questions.standing_of(world.trial, reader(world), AT).is_open
    with pytest.raises(qualifying.NotAsked):
        qualifying.waive(reason="Again", signature=SIGNED, **by)
    waived = qualifying.waive(reason="Known", signature=SIGNED, **{**by, "person": reader(world, "reader-b")})
    assert (waived.number, waived.begun_at) == (1, None)


def test_adjudicators_qualify_where_the_charter_says_so(world: World, manager: User) -> None:
    world.amend(qualification={"statement": "Known.", "adjudicators": True})
    for name in ("reader-a", "reader-b"):
        qualifying.begin(trial=world.trial, signature=SIGNED, actor=reader(world, name), at=AT)
    subject = world.enrol()
    for code, first, second in (("BL", (30,), (30,)), ("W8", (10,), (60,)), ("W16", (10,), (60,))):
        world.clear(code, subject)
        make = baseline if code == "BL" else follow_up
        world.read_by_both(code, make(*first), make(*second), subject)
    assert not Adjudication.objects.exists()
    qualifying.begin(trial=world.trial, signature=SIGNED, actor=world.people["judge"], at=AT)
    jobs.drain()
    assert Adjudication.objects.get().adjudicator.username == "judge"


def test_readers_qualify_and_adjudicators_need_not_where_the_charter_says_nothing_of_them(
    world: World, asked: QualificationCase
) -> None:
    judge = world.people["judge"]
    assert questions.standing_of(world.trial, judge, AT, role=Role.ADJUDICATOR).is_open
    assert questions.able(world.trial, Role.READER, AT) == []


def test_a_charter_that_asks_nothing_lets_everybody_read_as_before(world: World, subject: Subject) -> None:
    world.clear("BL")
    assert ReadTask.objects.count() == 2
    assert list(of_those_examined(reader(world), None, AT)) == []


# --- nothing of it is in the trial's results ------------------------------------------------------------------------


def test_attempts_are_in_no_statistic_and_the_lock_takes_them_along(world: World, asked: QualificationCase) -> None:
    attempt_of(world, *GOOD)
    attempt_of(world, *GOOD, name="reader-b")
    begun = attempt_of(world, name="reader-a", at=AT + 366 * DAY)
    subject = world.enrol()
    for code, entry in (("BL", baseline(30)), ("W8", follow_up(30)), ("W16", follow_up(30))):
        world.clear(code, subject)
        world.read_by_both(code, entry, subject=subject)
    assert readiness(world.trial) == ()
    report = variability_report(world.trial)
    lock_trial(trial=world.trial, signature=SIGNED, actor=world.admin, at=AT)
    locked = snapshot(type(world.trial).objects.get(pk=world.trial.pk))
    assert [one.code for one in locked.subjects] == [subject.code]
    assert "CASE-1" not in str(report)
    states = {task.state for task in begun.cases.get().tasks()}
    assert states == {ReadState.WITHDRAWN}
    assert CaseReference.objects.get().state == ReferenceState.APPROVED
