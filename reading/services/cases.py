"""The reading manager's cases for training and qualification, and the references that experts read of them."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.db.models import Max

from compliance import access, audit
from compliance.errors import HouseError
from compliance.models import User
from compliance.signing import Intent
from compliance.transitions import advance
from reading import blinding, selectors
from reading.models import CaseReference, QualificationCase, ReadTask
from reading.selectors_qualification import EXAMINED
from reading.services.assigning import locked, release_waiting
from reading.states import CaseState, Purpose, ReadState, ReferenceState
from trials.models import ImagingCharter, Site, Subject, Timepoint
from trials.selectors import roles_in
from trials.services.setting_aside import set_aside_case
from trials.states import QcState

_UNSIGNED = (ReadState.WAITING, ReadState.ASSIGNED, ReadState.READING)


class CaseNotReady(HouseError):
    """A case cannot be read yet, or not by this person."""

    code = "case_not_ready"
    status = 409


def add_case(
    *, site: Site, code: str, reference_date: dt.date, kind: str, actor: User, at: dt.datetime
) -> QualificationCase:
    """Set a subject aside as a case; its images come by the site's doors and are checked as all others.

    Raises
    ------
    trials.services.enrolling.NotRunning, trials.services.enrolling.SubjectExists, compliance.access.AccessDenied
    """
    access.require(actor, "reading.manage", site.trial)
    with transaction.atomic():
        subject = set_aside_case(site=site, code=code, reference_date=reference_date, actor=actor, at=at)
        case = QualificationCase(subject=subject, kind=QualificationCase.Kind(kind), created_at=at)
        return audit.save(case, action="qualificationcase.added", actor=actor, at=at)


def retire_case(*, case: QualificationCase, reason: str, actor: User, at: dt.datetime) -> QualificationCase:
    """Give a case to nobody any more; who is reading it goes on."""
    return advance(case, "retire", actor=actor, at=at, reason=reason)


def ask_reference(*, case: QualificationCase, expert: User, actor: User, at: dt.datetime) -> CaseReference:
    """Ask an expert to read a case: the timepoints that are cleared, up to the first that is not.

    Raises
    ------
    CaseNotReady
        The case is retired, no baseline is cleared, or the expert neither reads nor adjudicates in the trial.
    compliance.access.AccessDenied
    """
    access.require(actor, "reading.manage", case)
    trial = case.subject.trial
    if case.state != CaseState.IN_USE:
        raise CaseNotReady(f"Case {case.subject.code} is retired, so no reference of it is read any more.")
    if not set(roles_in(expert, trial)) & set(EXAMINED):
        raise CaseNotReady(
            f"{expert} is neither reader nor adjudicator of the trial. Give the expert one of the roles."
        )
    with transaction.atomic():
        subject = locked(case.subject_id)
        charter, shown = trial.charter_in_force, _cleared(subject)
        if charter is None or not shown:
            raise CaseNotReady(
                f"Case {case.subject.code} has no baseline that quality control cleared. Deliver and clear it."
            )
        last = case.references.aggregate(last=Max("number"))["last"] or 0
        slot = free_slot(subject)
        reference = CaseReference(case=case, number=last + 1, expert=expert, slot=slot, asked_at=at)
        audit.save(reference, action="casereference.asked", actor=actor, at=at)
        give(shown, expert, slot, charter, at)
    return reference


def _cleared(subject: Subject) -> list[Timepoint]:
    shown: list[Timepoint] = []
    for timepoint in subject.timepoints.select_related("subject__trial").order_by("order"):
        if selectors.is_absent(timepoint) and shown:
            continue
        if timepoint.qc_state != QcState.CLEARED:
            break
        shown.append(timepoint)
    return shown


def free_slot(subject: Subject) -> int:
    """Return a place that nobody's reads of a case have yet."""
    return (ReadTask.every.filter(timepoint__subject=subject).aggregate(last=Max("slot"))["last"] or 0) + 1


def give(timepoints: list[Timepoint], reader: User, slot: int, charter: ImagingCharter, at: dt.datetime) -> None:
    """Give somebody the reads of a case; each opens when the one before is signed."""
    for timepoint in timepoints:
        task = ReadTask(
            timepoint=timepoint,
            reader=reader,
            slot=slot,
            charter=charter,
            blinded_code=blinding.read_code(timepoint, slot),
            case_code=blinding.case_code(timepoint.subject, f"reader {slot}"),
            order=timepoint.order,
            purpose=Purpose.QUALIFICATION,
            created_at=at,
        )
        audit.save(task, action="readtask.assigned", actor=None, at=at)
    release_waiting(timepoints[0].subject, at)


def approve_reference(*, reference: CaseReference, signature: Intent, actor: User, at: dt.datetime) -> CaseReference:
    """Approve by signature what an expert read; readers are scored by it from now on, and by the one before no more.

    Raises
    ------
    CaseNotReady
        It is the actor's own.
    compliance.transitions.IllegalMove, compliance.signing.WrongPassword, compliance.access.AccessDenied
    """
    if reference.expert_id == actor.pk:
        raise CaseNotReady("A second person approves a reference. Ask another reading manager.")
    with transaction.atomic():
        locked(reference.case.subject_id)
        for before in reference.case.references.filter(state=ReferenceState.APPROVED).exclude(pk=reference.pk):
            advance(before, "supersede", actor=None, at=at)
        return advance(reference, "approve", actor=actor, at=at, signature=signature, approved_at=at)


def decline_reference(*, reference: CaseReference, reason: str, actor: User, at: dt.datetime) -> CaseReference:
    """Leave an expert's reading aside; what is not signed of it is withdrawn."""
    with transaction.atomic():
        locked(reference.case.subject_id)
        advance(reference, "decline", actor=actor, at=at, reason=reason)
        withdraw(list(reference.tasks()), at)
    return reference


def withdraw(tasks: list[ReadTask], at: dt.datetime) -> None:
    """Take back the reads of a case that are not signed."""
    for task in tasks:
        if task.state in _UNSIGNED:
            advance(task, "withdraw", actor=None, at=at)
