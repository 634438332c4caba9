"""Reads on a clock: eligibility and progression are read at once, by others, and each person is told what is agreed."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from compliance import access, jobs
from compliance.models import AuditEvent, Mail, User
from compliance.signing import Intent
from imaging.signals import timepoint_cleared, timepoint_reopened
from reading import pages, pages_real_time, selectors_real_time
from reading.exports.endpoint_real_time import REAL_TIME_READS
from reading.exports.endpoint_tables import csv_files
from reading.exports.locked import LockedTrial
from reading.exports.snapshot import snapshot
from reading.models import ReadTask, RealTimeRead
from reading.questions import Verdict
from reading.services import asking, calling_off, minding
from reading.services.assessing import IncompleteRead, InvalidEntry, open_task, save_draft, submit_read
from reading.services.assigning import open_reads
from reading.services.closing import close
from reading.services.entries import AssessmentEntry
from reading.services.locking import NotReady, lock_trial, readiness
from reading.services.rederiving import rederive
from reading.states import Purpose, ReadState, RealTimeState
from reading.worklists import of_clocks
from tests.reading.conftest import (
    ARM,
    AT,
    PASSWORD,
    SITE_CODE,
    SITE_NAME,
    SUBJECT_CODE,
    World,
    baseline,
    follow_up,
)
from trials.models import Query, Role, Site, Subject, Timepoint
from trials.services import enrolling
from trials.states import QcState, QueryState

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("REQ-REA-013")]

TERMS: dict[str, Any] = {
    "reads": ["eligibility", "progression"],
    "eligibility_hours": 24,
    "eligibility_needs": "measurable_disease",
    "eligibility_to_site": "outcome",
    "progression_hours": 48,
    "progression_to_site": "detail",
    "remind_hours": 6,
}
WHY = "The site saw a growing lesion of the liver"


def hours(n: float) -> dt.datetime:
    return AT + dt.timedelta(hours=n)


@pytest.fixture
def trial(world: World) -> World:
    """A trial with reads on a clock, a third reader, and people who watch."""
    world.amend(real_time=TERMS)
    for name, role in (
        ("reader-c", Role.READER),
        ("manager", Role.READING_MANAGER),
        ("analyst", Role.QC_ANALYST),
        ("auditor", Role.AUDITOR),
        ("payer", Role.SPONSOR),
    ):
        world.join(name, role)
    for user in User.objects.all():
        user.email = f"{user.username}@example.org"
        user.save()
    return world


@pytest.fixture
def subject(trial: World) -> Subject:
    return trial.enrol()


def cleared(world: World, code: str, at: dt.datetime = AT) -> Timepoint:
    timepoint = world.clear(code)
    timepoint_cleared.send(sender=Timepoint, timepoint=timepoint, at=at)
    jobs.drain()
    return timepoint


def question(purpose: Purpose = Purpose.ELIGIBILITY, round: int = 1) -> RealTimeRead:
    found = RealTimeRead.objects.select_related("timepoint__subject__trial", "charter", "reader")
    return found.get(purpose=purpose, round=round)


def tasks_of(asked: RealTimeRead) -> list[ReadTask]:
    return list(
        selectors_real_time.tasks_of_question(asked).select_related("timepoint__subject__trial", "charter", "reader")
    )


def sign(task: ReadTask, entry: AssessmentEntry, at: dt.datetime = AT) -> None:
    open_task(task=task, actor=task.reader, at=at)
    submit_read(task=task, entry=entry, signature=Intent(PASSWORD), actor=task.reader, at=at)
    jobs.drain()


def person(world: World, name: str) -> User:
    return User.objects.get(pk=world.people[name].pk)


def ask(world: World, code: str = "W8", at: dt.datetime = AT) -> RealTimeRead:
    asked = asking.ask_progression(
        timepoint=world.timepoint(code), reason=WHY, actor=person(world, "coordinator"), at=at
    )
    return asked


# --- eligibility ---------------------------------------------------------------------------------------------------


def test_eligibility_is_given_to_one_other_reader_as_soon_as_the_baseline_is_cleared(
    trial: World, subject: Subject
) -> None:
    cleared(trial, "BL")
    asked = question()

    assert (asked.state, asked.started_at, asked.round) == (RealTimeState.RUNNING, AT, 1)
    (task,) = tasks_of(asked)
    assert (task.purpose, task.state, task.timepoint.code) == (Purpose.ELIGIBILITY, ReadState.ASSIGNED, "BL")
    assert task.reader not in {trial.task("BL", slot).reader for slot in (1, 2)}
    clock = selectors_real_time.clock_of(asked)
    assert clock is not None
    assert clock.due_at == hours(24)
    asking.go_on(subject=subject, at=hours(1))
    assert RealTimeRead.objects.count() == 1


def test_a_subject_that_is_screened_is_read_for_eligibility_before_it_is_enrolled(trial: World) -> None:
    first, *later = trial.trial.charters.latest("version").content["schedule"]
    trial.amend(subjects={"screening": True}, schedule=[{**first, "at_screening": True}, *later])
    site = Site.objects.get(pk=trial.site.pk)
    subject = enrolling.screen_subject(
        site=site, code=SUBJECT_CODE, reference_date=AT.date(), actor=person(trial, "coordinator"), at=AT
    )
    cleared(trial, "BL")

    asked = question()
    assert asked.state == RealTimeState.RUNNING
    assert asked.reader is not None
    assert not ReadTask.objects.filter(timepoint__subject=subject).exists()
    sign(tasks_of(asked)[0], baseline(30, 20, verdict="yes"))
    assert question().verdict == Verdict.YES

    enrolling.enrol_screened(subject=subject, reference_date=AT.date(), actor=person(trial, "coordinator"), at=AT)
    open_reads(timepoint=trial.timepoint("BL"), at=AT)
    endpoint = {task.reader_id for task in ReadTask.objects.filter(timepoint__subject=subject)}
    assert len(endpoint) == 2
    assert asked.reader_id not in endpoint


def test_who_has_read_for_eligibility_is_not_drawn_for_the_endpoint_although_readers_left(trial: World) -> None:
    subject = trial.enrol()
    expected = cleared(trial, "BL") and {task.reader.username for task in ReadTask.objects.all()}

    assert selectors_real_time.kept_apart(subject) == {question().reader_id}
    assert question().reader.username not in expected  # type: ignore[union-attr]


def test_measurable_disease_is_derived_and_traced_and_answers_against_it_need_a_reason(
    trial: World, subject: Subject
) -> None:
    cleared(trial, "BL")
    (task,) = tasks_of(question())
    open_task(task=task, actor=task.reader, at=AT)

    def refused(entry: AssessmentEntry) -> str:
        with pytest.raises(IncompleteRead) as problem:
            submit_read(task=task, entry=entry, signature=Intent(PASSWORD), actor=task.reader, at=AT)
        return problem.value.message

    assert "“Is the subject eligible by imaging?” is not answered yet." in refused(baseline(30))
    assert "Say why you answer otherwise." in refused(baseline(30, verdict="no"))
    assert "Say why you answer otherwise." in refused(baseline(verdict="yes"))
    assert "choose “not evaluable”" in refused(baseline(30, verdict="yes", image_quality="not_evaluable"))
    with pytest.raises(InvalidEntry):
        save_draft(task=task, entry=baseline(30, verdict="perhaps"), actor=task.reader, at=AT)

    submit_read(
        task=task,
        entry=baseline(30, verdict="no", verdict_reason="A brain metastasis"),
        signature=Intent(PASSWORD),
        actor=task.reader,
        at=AT,
    )
    derived = ReadTask.every.get(pk=task.pk).assessment.derivation
    assert derived["measurable_disease"] is True
    assert derived["trace"][-1]["rule"] == "measurable_disease"
    assert (derived["trace"][-1]["inputs"], derived["trace"][-1]["result"]) == ({"targets": "T01"}, "present")
    assert rederive(trial=trial.trial, actor=None, at=AT).differences == ()


def test_an_answer_where_nothing_is_asked_is_refused(trial: World, subject: Subject) -> None:
    cleared(trial, "BL")
    task = trial.task("BL", 1)
    open_task(task=task, actor=task.reader, at=AT)

    with pytest.raises(InvalidEntry):
        save_draft(task=task, entry=baseline(30, verdict="yes"), actor=task.reader, at=AT)


def test_the_clock_runs_on_while_no_reader_is_free_and_the_read_is_given_when_one_is(world: World) -> None:
    world.amend(real_time=TERMS)
    subject = world.enrol()
    cleared(world, "BL")
    asked = question()
    assert (asked.state, asked.reader) == (RealTimeState.RUNNING, None)

    late = world.join("reader-d", Role.READER)
    assert list(selectors_real_time.held_up()) == [subject]
    asking.go_on(subject=subject, at=hours(2))

    assert (question().reader, question().started_at) == (late, AT)
    assert [task.state for task in tasks_of(question())] == [ReadState.ASSIGNED]


def test_the_subjects_own_readers_may_do_it_where_the_charter_says_so(world: World) -> None:
    world.amend(real_time={**TERMS, "readers": "any"})
    subject = world.enrol()
    cleared(world, "BL")

    assert question().reader in {world.task("BL", slot).reader for slot in (1, 2)}
    assert selectors_real_time.kept_apart(subject) == set()


# --- progression ---------------------------------------------------------------------------------------------------


@pytest.fixture
def course(trial: World, subject: Subject) -> World:
    """The baseline is cleared and read for eligibility; Week 8 has arrived."""
    cleared(trial, "BL")
    sign(tasks_of(question())[0], baseline(30, 20, verdict="yes"))
    trial.receive(trial.timepoint("W8"))
    return trial


def test_a_site_asks_and_the_clock_starts_when_the_timepoint_is_cleared(course: World) -> None:
    asked = ask(course)
    assert (asked.state, asked.reason, asked.started_at) == (RealTimeState.ASKED, WHY, None)
    assert selectors_real_time.urgent_among([course.timepoint("W8")]) == {course.timepoint("W8").pk}

    cleared(course, "W8", hours(5))
    asked = question(Purpose.PROGRESSION)

    assert (asked.state, asked.started_at) == (RealTimeState.RUNNING, hours(5))
    assert [(t.timepoint.code, t.state) for t in tasks_of(asked)] == [
        ("BL", ReadState.ASSIGNED),
        ("W8", ReadState.WAITING),
    ]
    assert asked.reader not in {course.task("BL", slot).reader for slot in (1, 2)}
    clock = selectors_real_time.clock_of(asked)
    assert clock is not None
    assert clock.due_at == hours(53)


def test_the_reader_verifies_from_the_own_baseline_and_the_response_is_derived(course: World) -> None:
    ask(course)
    cleared(course, "W8")
    first, last = tasks_of(question(Purpose.PROGRESSION))

    sign(first, baseline(30, 20))
    last = ReadTask.every.select_related("timepoint__subject__trial", "charter", "reader").get(pk=last.pk)
    assert last.state == ReadState.ASSIGNED
    open_task(task=last, actor=last.reader, at=AT)
    with pytest.raises(IncompleteRead, match="Progression confirmed"):
        submit_read(
            task=last,
            entry=follow_up(45, 30, verdict="no"),
            signature=Intent(PASSWORD),
            actor=last.reader,
            at=AT,
        )
    submit_read(
        task=last, entry=follow_up(45, 30, verdict="yes"), signature=Intent(PASSWORD), actor=last.reader, at=hours(3)
    )

    asked = question(Purpose.PROGRESSION)
    assert (asked.state, asked.verdict, asked.answered_at) == (RealTimeState.ANSWERED, "yes", hours(3))
    outcome = selectors_real_time.told_to_site(asked)
    assert outcome is not None
    assert (outcome.words, outcome.derived) == ("Progression confirmed", "Derived response: PD")
    assert rederive(trial=course.trial, actor=None, at=AT).differences == ()


def test_with_the_baseline_only_nothing_between_is_read(world: World) -> None:
    world.amend(real_time={**TERMS, "progression_reads": "baseline"})
    world.join("reader-c", Role.READER)
    world.enrol()
    for code in ("BL", "W8"):
        cleared(world, code)
    world.receive(world.timepoint("W16"))
    ask(world, "W16")
    cleared(world, "W16")

    assert [t.timepoint.code for t in tasks_of(question(Purpose.PROGRESSION))] == ["BL", "W16"]


def test_every_cleared_timepoint_up_to_it_is_read_otherwise(course: World) -> None:
    cleared(course, "W8")
    course.receive(course.timepoint("W16"))
    ask(course, "W16")
    cleared(course, "W16")

    assert [t.timepoint.code for t in tasks_of(question(Purpose.PROGRESSION))] == ["BL", "W8", "W16"]


@pytest.mark.parametrize(
    ("code", "why"),
    [("W16", "its images are not here yet"), ("BL", "eligibility is read at the first timepoint")],
)
def test_what_cannot_be_verified_is_refused_with_why(course: World, code: str, why: str) -> None:
    with pytest.raises(asking.NotAsked, match=why):
        ask(course, code)


def test_the_same_is_not_asked_twice_and_not_without_a_reason(course: World) -> None:
    with pytest.raises(Exception, match="say why"):
        asking.ask_progression(timepoint=course.timepoint("W8"), reason=" ", actor=person(course, "coordinator"), at=AT)
    ask(course)
    with pytest.raises(asking.NotAsked, match="asked already"):
        ask(course)
    with pytest.raises(access.AccessDenied):
        asking.ask_progression(timepoint=course.timepoint("W8"), reason=WHY, actor=person(course, "analyst"), at=AT)


# --- clocks --------------------------------------------------------------------------------------------------------


def query_at(world: World, code: str, raised: dt.datetime, **more: Any) -> Query:
    timepoint = world.timepoint(code)
    return Query.objects.create(
        trial=world.trial,
        site=world.site,
        timepoint=timepoint,
        about_type="trials.timepoint",
        about_id=timepoint.pk,
        about_label="t",
        title="t",
        raised_by=person(world, "analyst"),
        raised_at=raised,
        due_on=raised.date(),
        **more,
    )


def test_a_clock_rests_while_a_query_waits_for_the_site(trial: World, subject: Subject) -> None:
    cleared(trial, "BL")
    query = query_at(trial, "BL", hours(4))
    clock = selectors_real_time.clock_of(question())
    assert clock is not None
    assert (clock.due_at, clock.left) == (None, dt.timedelta(hours=20))

    query.answered_at, query.state = hours(10), QueryState.ANSWERED
    query.save()

    clock = selectors_real_time.clock_of(question())
    assert clock is not None
    assert clock.due_at == hours(30)
    sign(tasks_of(question())[0], baseline(30, verdict="yes"), hours(29))
    assert selectors_real_time.taken(question()) == dt.timedelta(hours=23)
    assert selectors_real_time.is_in_time(question())


def test_readers_are_reminded_before_and_managers_told_after_once_and_no_mail_says_of_whom(
    trial: World, subject: Subject
) -> None:
    cleared(trial, "BL")
    for at in (hours(1), hours(19), hours(20), hours(25), hours(26)):
        minding.remind(at=at)

    reader = question().reader
    assert reader is not None
    assert [(mail.kind, mail.to.username) for mail in Mail.objects.order_by("pk")] == [
        ("read due", reader.username),
        ("read overdue", "manager"),
    ]
    said = json.dumps([[mail.subject, mail.body] for mail in Mail.objects.all()])
    for secret in (SUBJECT_CODE, SITE_CODE, SITE_NAME, ARM, "ligib", "rogress", tasks_of(question())[0].blinded_code):
        assert secret not in said


def test_images_that_come_before_the_answer_begin_it_anew(course: World) -> None:
    ask(course)
    cleared(course, "W8")
    first, _ = tasks_of(question(Purpose.PROGRESSION))
    sign(first, baseline(30, 20))
    reader = question(Purpose.PROGRESSION).reader

    Timepoint.objects.filter(pk=course.timepoint("W8").pk).update(qc_state=QcState.AWAITING)
    timepoint_reopened.send(sender=Timepoint, timepoint=course.timepoint("W8"), at=hours(2))
    jobs.drain()

    old, new = question(Purpose.PROGRESSION), question(Purpose.PROGRESSION, round=2)
    assert (old.state, new.state, new.reason, new.asked_by) == ("withdrawn", "asked", WHY, old.asked_by)
    assert [t.state for t in tasks_of(old)] == [ReadState.SUBMITTED, ReadState.WITHDRAWN]
    cleared(course, "W8", hours(8))
    new = question(Purpose.PROGRESSION, round=2)
    assert (new.state, new.started_at, new.reader) == (RealTimeState.RUNNING, hours(8), reader)
    assert [(t.timepoint.code, t.state) for t in tasks_of(new)] == [("BL", "assigned"), ("W8", "waiting")]


def test_images_that_come_after_the_answer_change_nothing_and_it_may_be_asked_again(course: World) -> None:
    timepoint_reopened.send(sender=Timepoint, timepoint=course.timepoint("BL"), at=hours(2))
    jobs.drain()
    assert [one.state for one in RealTimeRead.objects.all()] == [RealTimeState.ANSWERED]

    again = asking.ask_eligibility_again(
        timepoint=course.timepoint("BL"), reason="Better images came", actor=person(course, "manager"), at=hours(3)
    )
    assert (again.round, again.state) == (2, RealTimeState.RUNNING)
    assert question().state == RealTimeState.ANSWERED


# --- what ends one without an answer ---------------------------------------------------------------------------------


def test_withdrawn_consent_withdraws_what_is_open_and_keeps_what_was_answered(course: World) -> None:
    ask(course)
    cleared(course, "W8")
    close(subject=course.trial.subjects.get(), at=AT)

    assert [(one.purpose, one.state) for one in RealTimeRead.objects.order_by("slot")] == [
        ("eligibility", "answered"),
        ("progression", "withdrawn"),
    ]
    assert {t.state for t in tasks_of(question(Purpose.PROGRESSION))} == {ReadState.WITHDRAWN}


def test_a_reading_manager_calls_one_off_with_a_reason(course: World) -> None:
    asked = ask(course)
    with pytest.raises(Exception, match="needs a reason"):
        calling_off.call_off(question=asked, reason="", actor=person(course, "manager"), at=AT)
    with pytest.raises(access.AccessDenied):
        calling_off.call_off(question=asked, reason="No", actor=person(course, "coordinator"), at=AT)

    calling_off.call_off(question=asked, reason="Asked by mistake", actor=person(course, "manager"), at=AT)

    assert question(Purpose.PROGRESSION).state == RealTimeState.WITHDRAWN
    assert ask(course).round == 2


def test_the_database_is_not_locked_over_an_open_question(course: World) -> None:
    ask(course)
    for code, entry in (("BL", baseline(30, 20)), ("W8", follow_up(20, 12)), ("W16", follow_up(18, 10))):
        cleared(course, code)
        course.read_by_both(code, entry)
    (blocker,) = readiness(course.trial)
    assert blocker.sentence.startswith("The read for progression at")
    with pytest.raises(NotReady):
        lock_trial(trial=course.trial, signature=Intent(PASSWORD), actor=course.admin, at=AT)

    calling_off.call_off(
        question=question(Purpose.PROGRESSION), reason="Too late", actor=person(course, "manager"), at=AT
    )
    lock_trial(trial=course.trial, signature=Intent(PASSWORD), actor=course.admin, at=AT)

    assert question().state == RealTimeState.LOCKED
    assert {task.state for task in tasks_of(question())} == {ReadState.LOCKED}


# --- who is told what ----------------------------------------------------------------------------------------------


def test_an_outcome_is_released_to_the_site_as_an_event_a_list_and_a_mail(trial: World, subject: Subject) -> None:
    cleared(trial, "BL")
    sign(tasks_of(question())[0], baseline(30, verdict="no", verdict_reason="A brain metastasis"), hours(2))
    coordinator = person(trial, "coordinator")

    event = AuditEvent.objects.get(action="realtimeread.released")
    assert event.after == {"to": f"site {SITE_CODE}", "what": "outcome", "verdict": "no"}
    assert [waiting.count for waiting in of_clocks(coordinator, trial.trial, hours(3))] == [1]
    mail = Mail.objects.get(kind="outcome of a read")
    assert mail.to == coordinator
    for secret in (SUBJECT_CODE, SITE_CODE, "ligible", "brain"):
        assert secret not in mail.subject + mail.body

    minding.take_note(question=question(), actor=coordinator, at=hours(4))
    assert (question().noted_by, question().noted_at) == (coordinator, hours(4))
    assert [waiting.count for waiting in of_clocks(coordinator, trial.trial, hours(5))] == [0]


def outcomes(world: World, name: str) -> list[str]:
    user = person(world, name)
    found = selectors_real_time.real_time_reads_seen_by(user)
    rows = pages_real_time.rows_for(user, found, hours(3))
    return [f"{r.outcome.words} {r.outcome.reason} {r.outcome.derived}".strip() if r.outcome else "–" for r in rows]


def test_each_role_sees_what_the_charter_lets_it_see(trial: World, subject: Subject) -> None:
    cleared(trial, "BL")
    sign(tasks_of(question())[0], baseline(30, verdict="no", verdict_reason="A brain metastasis"), hours(2))

    whole = "Not eligible by imaging A brain metastasis Measurable disease: present"
    assert {name: outcomes(trial, name) for name in ("manager", "auditor", "coordinator", "analyst", "payer")} == {
        "manager": [whole],
        "auditor": [whole],
        "coordinator": ["Not eligible by imaging"],
        "analyst": ["–"],
        "payer": [],
    }
    assert outcomes(trial, "reader-a") == outcomes(trial, "reader-b") == []


@pytest.mark.parametrize(("told", "seen"), [("detail", "A brain metastasis"), ("", "–")])
def test_a_site_is_told_the_detail_or_nothing(world: World, told: str, seen: str) -> None:
    world.amend(real_time={**TERMS, "eligibility_to_site": told} if told else {**TERMS, "eligibility_to_site": None})
    world.join("reader-c", Role.READER)
    world.enrol()
    cleared(world, "BL")
    sign(tasks_of(question())[0], baseline(30, verdict="no", verdict_reason="A brain metastasis"), hours(2))

    assert seen in outcomes(world, "coordinator")[0]
    assert AuditEvent.objects.filter(action="realtimeread.released").exists() is bool(told)
    if not told:
        with pytest.raises(minding.NotNoted):
            minding.take_note(question=question(), actor=person(world, "coordinator"), at=AT)


@pytest.mark.parametrize(("sees", "rows"), [("counts", 1), (None, 0)])
def test_a_sponsor_sees_counts_where_agreed_and_no_outcome(
    client: Client, world: World, sees: str | None, rows: int
) -> None:
    world.amend(real_time={**TERMS, "sponsor_sees": sees})
    world.join("reader-c", Role.READER)
    world.join("payer", Role.SPONSOR)
    world.enrol()
    cleared(world, "BL")
    sign(tasks_of(question())[0], baseline(30, verdict="no", verdict_reason="A brain metastasis"), hours(2))

    client.force_login(person(world, "payer"))
    page = client.get(reverse("reading:real_time", args=[world.trial.pk]))

    assert len(page.context["turnarounds"]) == rows
    text = page.content.decode()
    for secret in (SUBJECT_CODE, "ligible by imaging", "brain", "Waiting for an answer"):
        assert secret not in text


def test_no_endpoint_reader_can_tell_that_progression_was_asked_or_what_came_of_it(
    client: Client, course: World
) -> None:
    first = course.task("BL", 1)

    def seen() -> list[str]:
        client.force_login(first.reader)
        return [
            json.dumps(client.get("/api/v1/read-tasks/").json(), sort_keys=True),
            json.dumps(client.get(f"/api/v1/read-tasks/{first.blinded_code}/").json(), sort_keys=True),
            json.dumps([row.code for row in pages.worklist_of(first.reader).open]),
        ]

    seen()
    cleared(course, "W8")
    before = seen()
    ask(course)
    between = seen()
    for number, task in enumerate(tasks_of(question(Purpose.PROGRESSION))):
        entry = follow_up(45, 30, verdict="yes") if number else baseline(30, 20)
        task = ReadTask.every.select_related("timepoint__subject__trial", "charter", "reader").get(pk=task.pk)
        sign(task, entry)

    assert before == between == seen()
    assert "question" in before[1]
    assert json.loads(before[1])["question"] is None
    assert json.loads(before[1])["due"] is None


def test_its_reader_knows_the_question_and_until_when_and_nothing_more(client: Client, course: World) -> None:
    ask(course)
    cleared(course, "W8")
    first, last = tasks_of(question(Purpose.PROGRESSION))
    sign(first, baseline(30, 20))
    client.force_login(last.reader)

    page = client.get(reverse("reading:task", args=[last.blinded_code])).content.decode()
    told = client.get(f"/api/v1/read-tasks/{last.blinded_code}/").json()

    assert "Is progression confirmed at this timepoint?" in page
    assert told["question"]["asks"] == "Is progression confirmed at this timepoint?"
    assert told["due"] == {"due_at": hours(48).strftime("%Y-%m-%dT%H:%M:%SZ")}
    for secret in (SUBJECT_CODE, SITE_CODE, SITE_NAME, ARM, WHY, "coordinator"):
        assert secret not in page
        assert secret not in json.dumps(told)
    assert pages.worklist_of(last.reader).open[0].code == last.blinded_code


# --- pages -------------------------------------------------------------------------------------------------------


def test_a_coordinator_asks_and_takes_note_on_pages(client: Client, course: World) -> None:
    client.force_login(person(course, "coordinator"))
    timepoint = course.timepoint("W8")
    card = client.get(reverse("imaging:timepoint", args=[timepoint.pk])).content.decode()
    assert "Verify progression…" in card

    answer = client.post(reverse("reading:verify_progression", args=[timepoint.pk]), {"reason": WHY})
    assert answer.status_code == 302
    assert question(Purpose.PROGRESSION).reason == WHY
    page = client.get(reverse("reading:real_time", args=[course.trial.pk])).content.decode()
    assert "Take note" in page
    assert "reader-" not in page
    client.post(reverse("reading:real_time_note", args=[question().pk]))
    assert question().noted_by == person(course, "coordinator")


def test_a_reading_manager_sees_the_clocks_and_takes_them_as_a_list(client: Client, course: World) -> None:
    client.force_login(person(course, "manager"))
    ask(course)
    page = client.get(reverse("reading:real_time", args=[course.trial.pk]))
    assert [(t.purpose, t.asked, t.answered, t.in_time) for t in page.context["turnarounds"]] == [
        ("eligibility", 1, 1, 1),
        ("progression", 1, 0, 0),
    ]
    assert "Call off…" in page.content.decode()

    listed = client.get(reverse("reading:real_time_csv", args=[course.trial.pk])).content.decode("utf-8-sig")
    head, *rows = listed.splitlines()
    assert head == ",".join(pages_real_time.COLUMNS)
    assert len(rows) == 2
    assert rows[0].startswith(f"{SITE_CODE},{SUBJECT_CODE},BL,eligibility,1,answered,")
    assert "yes" in rows[0].split(",")
    assert "Eligible" not in listed


def test_a_program_of_the_site_asks_and_hears_as_much_as_its_person(client: Client, course: World) -> None:
    client.force_login(person(course, "coordinator"))
    asked = client.post(
        "/api/v1/real-time-reads/", {"timepoint": course.timepoint("W8").pk, "reason": WHY}, "application/json"
    )
    assert asked.status_code == 201
    listed = client.get("/api/v1/real-time-reads/").json()["results"]
    assert [(one["purpose"], one["state"], one["outcome"]) for one in listed] == [
        (
            "eligibility",
            "answered",
            {"verdict": "yes", "words": "Eligible by imaging", "reason": "", "derived": ""},
        ),
        ("progression", "asked", None),
    ]


# --- the endpoint package ----------------------------------------------------------------------------------------


def locked(world: World) -> LockedTrial:
    for code, entry in (("BL", baseline(30, 20)), ("W8", follow_up(20, 12)), ("W16", follow_up(18, 10))):
        cleared(world, code)
        world.read_by_both(code, entry)
    return snapshot(lock_trial(trial=world.trial, signature=Intent(PASSWORD), actor=world.admin, at=hours(900)))


def test_the_package_has_a_table_of_them_without_times(course: World) -> None:
    trial = locked(course)
    files = csv_files(trial)

    head, row = files["real_time_reads.csv"].decode("utf-8").splitlines()
    assert head.split(",") == [column.name for column in REAL_TIME_READS.columns]
    assert row.split(",")[1:] == [
        *(SITE_CODE, SUBJECT_CODE, "BL", "eligibility", "1", "charter"),
        *("yes", "", "Measurable disease: present", "24", "0.00", "Y", "outcome"),
    ]
    assert files["data_dictionary.csv"].decode().count("real_time_reads.csv") == len(REAL_TIME_READS.columns)
    assert csv_files(snapshot(course.trial.__class__.objects.get(pk=course.trial.pk))) == files
    assert files["responses.csv"].decode().count("READER") == 6


def test_a_trial_whose_charter_has_none_has_no_such_table(world: World) -> None:
    world.enrol()
    trial = locked(world)

    assert trial.real_time is None
    assert "real_time_reads.csv" not in csv_files(trial)
    assert b"real_time" not in csv_files(trial)["data_dictionary.csv"]
