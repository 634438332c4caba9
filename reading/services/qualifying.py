"""Qualifying: a person reads cases before the trial's own; what agrees with the references opens the queue."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction

from compliance import access, audit, jobs, signing
from compliance.errors import HouseError
from compliance.models import User
from compliance.signing import Intent
from compliance.transitions import advance
from reading import qualifying, selectors
from reading import selectors_qualification as questions
from reading.models import Attempt, CaseRead, CaseReference, QualificationCase, ReadTask
from reading.services.assigning import locked
from reading.services.cases import free_slot, give, withdraw
from reading.states import AttemptState
from reading.variability.qualification import passes
from trials.models import Role, Trial
from trials.reader_terms import ReaderTerms
from trials.selectors import roles_in

Kind = QualificationCase.Kind


class NotAsked(HouseError):
    """Nothing is asked of the person, or not now."""

    code = "qualification_not_asked"
    status = 409


class CasesMissing(HouseError):
    """The trial has fewer cases with an approved reference than its charter asks for."""

    code = "cases_missing"
    status = 409


def begin(*, trial: Trial, signature: Intent, actor: User, at: dt.datetime) -> Attempt:
    """Begin an attempt: the person signs the charter's statement and is given the cases to read.

    Training cases come once; of the test cases, those that the person had least often. Where the charter asks for no
    cases, the signature is all.

    Raises
    ------
    NotAsked
        The person qualified already, is in the midst of it, or has no attempt left.
    CasesMissing
    compliance.signing.WrongPassword, compliance.access.AccessDenied
    """
    access.require(actor, "reading.qualify", trial)
    with transaction.atomic():
        User.objects.select_for_update().get(pk=actor.pk)
        standing = questions.standing_of(trial, actor, at, role=role_of(actor, trial))
        terms, charter = questions.terms_of(trial), trial.charter_in_force
        if terms is None or charter is None or not standing.may_begin:
            raise NotAsked("No attempt was begun: none is open to you now. Ask the reading manager.")
        signing.require_same(questions.shown_to_begin(charter), signature)
        drawn = _drawn(trial, actor, terms)
        attempt = standing.latest
        if attempt is None or attempt.state != AttemptState.PREPARED:
            attempt = prepare(trial, actor, at)
        agreed = signature.once_compared()
        advance(attempt, "begin", actor=actor, at=at, signature=agreed, begun_at=at, charter=charter)
        for reference in drawn:
            _give(reference, attempt, at)
        decide(attempt, at)
    return attempt


def role_of(person: User, trial: Trial) -> Role:
    """Return the role in which somebody qualifies: as reader, else as adjudicator."""
    return Role.READER if Role.READER in roles_in(person, trial) else Role.ADJUDICATOR


def prepare(trial: Trial, person: User, at: dt.datetime, *, actor: User | None = None, reason: str = "") -> Attempt:
    """Store another attempt of a person, which the person may begin."""
    charter = trial.charter_in_force
    assert charter is not None
    number = Attempt.objects.filter(trial=trial, person=person).count() + 1
    attempt = Attempt(trial=trial, person=person, number=number, charter=charter, prepared_at=at, why=reason)
    return audit.save(attempt, action="attempt.prepared", actor=actor or person, at=at, reason=reason)


def _drawn(trial: Trial, person: User, terms: ReaderTerms) -> list[CaseReference]:
    """The references of the cases of a new attempt; nobody is examined by what they read themselves as the expert."""
    had: dict[int, int] = {}
    for case in CaseRead.objects.filter(attempt__person=person).exclude(scored_at=None).values_list("case", flat=True):
        had[case] = had.get(case, 0) + 1
    ready = [one for one in questions.references_in_force(trial) if one.expert_id != person.pk]
    ready.sort(key=lambda one: (had.get(one.case_id, 0), one.case.subject.code))
    training = [one for one in ready if one.case.kind == Kind.TRAINING]
    test = [one for one in ready if one.case.kind == Kind.TEST]
    asked = terms.training_cases or 0, terms.test_cases or 0
    if len(training) < asked[0] or len(test) < asked[1]:
        raise CasesMissing("The cases are not ready yet. The reading manager sees which are missing; try again later.")
    read = sum(one.case_id in had for one in training)
    fresh = [one for one in training if one.case_id not in had]
    return [*fresh[: max(asked[0] - read, 0)], *test[: asked[1]]]


def _give(reference: CaseReference, attempt: Attempt, at: dt.datetime) -> None:
    subject = locked(reference.case.subject_id)
    tasks, slot = list(reference.tasks()), free_slot(subject)
    read = CaseRead(attempt=attempt, case=reference.case, reference=reference, slot=slot)
    audit.save(read, action="caseread.given", actor=None, at=at)
    give([task.timepoint for task in tasks], attempt.person, slot, tasks[0].charter, at)


def settle(*, task: ReadTask, at: dt.datetime) -> None:
    """Go on after a read of a case was signed: with its last timepoint a reference is complete, or a case is scored."""
    place: dict[str, Any] = {"case__subject": task.timepoint.subject_id, "slot": task.slot}
    for reference in CaseReference.objects.filter(**place).select_related("case"):
        if reference.is_signed:
            advance(reference, "submit", actor=None, at=at)
    read = CaseRead.objects.filter(**place).select_related("attempt__charter", "case", "reference__case").first()
    if read is None or not read.is_signed:
        return
    attempt = Attempt.objects.select_for_update().get(pk=read.attempt_id)
    if read.scored_at is None:
        points = qualifying.points_of(
            list(read.tasks()), list(read.reference.tasks()), read.attempt.charter.terms.qualification
        )
        read.points, read.scored_at = [qualifying.stored(point) for point in points], at
        audit.save(read, action="caseread.scored", actor=None, at=at)
        decide(attempt, at)


def decide(attempt: Attempt, at: dt.datetime) -> None:
    """Say whether an attempt passed, once all its cases are scored; passing opens the reads that wait for readers."""
    reads = list(attempt.cases.select_related("case"))
    if any(read.scored_at is None for read in reads):
        return
    terms = attempt.charter.terms.qualification
    points, of = qualifying.counted([one for read in reads if read.case.kind == Kind.TEST for one in read.points])
    result = {
        "points": points,
        "of": of,
        "mark_percent": str(terms.mark),
        "tolerance_percent": str(terms.tolerance),
        "compared": list(terms.counted),
    }
    if passes(points, of, terms.mark):
        until = at + dt.timedelta(days=terms.valid_days) if terms.valid_days else None
        advance(attempt, "pass", actor=None, at=at, decided_at=at, result=result, valid_until=until)
        open_what_waits(attempt.trial, at)
    else:
        advance(attempt, "fail", actor=None, at=at, decided_at=at, result=result)


def open_what_waits(trial: Trial, at: dt.datetime) -> None:
    """Look again at once for readers of the timepoints, and adjudicators of the subjects, that lack them."""
    for timepoint in selectors.held_up_for_readers(trial):
        jobs.enqueue("reading.open_reads", str(timepoint.pk), at=at, timepoint_id=timepoint.pk)
    for subject in trial.subjects.filter(timepoints__reading_state="read").distinct():
        jobs.enqueue("reading.open_adjudications", str(subject.pk), at=at, subject_id=subject.pk)


def allow_again(*, trial: Trial, person: User, reason: str, actor: User, at: dt.datetime) -> Attempt:
    """Let somebody try again who failed and has no attempt left.

    Raises
    ------
    NotAsked
        The person has not failed, or may begin anyway.
    """
    access.require(actor, "reading.manage", trial)
    if not reason.strip():
        raise NotAsked("Another attempt needs a reason. Write one and try again.")
    with transaction.atomic():
        User.objects.select_for_update().get(pk=person.pk)
        standing = questions.standing_of(trial, person, at, role=role_of(person, trial))
        if standing.state not in ("failed", "expired") or standing.may_begin:
            raise NotAsked(f"{person} needs no other attempt: there is one left, or it is under way.")
        return prepare(trial, person, at, actor=actor, reason=reason.strip())


def waive(*, trial: Trial, person: User, reason: str, signature: Intent, actor: User, at: dt.datetime) -> Attempt:
    """Let somebody read without passing, with a reason and a signature; cases not signed are withdrawn.

    Raises
    ------
    NotAsked
        The person may read already.
    compliance.transitions.ReasonRequired, compliance.signing.WrongPassword, compliance.access.AccessDenied
    """
    access.require(actor, "reading.manage", trial)
    with transaction.atomic():
        User.objects.select_for_update().get(pk=person.pk)
        standing = questions.standing_of(trial, person, at, role=role_of(person, trial))
        terms = questions.terms_of(trial)
        if terms is None or standing.is_open:
            raise NotAsked(f"{person} may read already, so nothing was waived.")
        signing.require_same(questions.shown_to_waive(standing), signature)
        attempt = standing.latest
        if attempt is None or standing.state == "expired":
            attempt = prepare(trial, person, at, actor=actor)
        until = at + dt.timedelta(days=terms.valid_days) if terms.valid_days else None
        advance(
            attempt,
            "waive",
            actor=actor,
            at=at,
            reason=reason,
            signature=signature.once_compared(),
            decided_at=at,
            valid_until=until,
            why=reason.strip(),
        )
        for read in attempt.cases.filter(scored_at=None).select_related("case"):
            locked(read.case.subject_id)
            withdraw(list(read.tasks()), at)
        open_what_waits(trial, at)
    return attempt
