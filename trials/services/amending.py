"""Amending: what another version of the charter would change, and moving subjects to it by a signed act.

A version in force rules whoever is enrolled from then on. What was planned, checked and read before keeps the version
it was made under, until a person moves its subject; and a signed read keeps its own even then.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from django.db import transaction

from compliance import access, audit, jobs, signing
from compliance.errors import HouseError
from compliance.models import AuditEvent, Job, User
from compliance.signing import Intent
from compliance.transitions import ReasonRequired, advance
from trials import signals
from trials.charter import Visit
from trials.impact import Change, compared
from trials.models import ImagingCharter, Subject, Timepoint
from trials.selectors_freezes import frozen_of
from trials.services.enrolling import fault_of_code
from trials.services.planning import plan_under, put_in_order
from trials.states import NOT_ENROLLED, CharterState, ImageState, SubjectState

#: The job that moves subjects.
MOVE = "trials.move_subjects"


class Progress(NamedTuple):
    """Of so many subjects that are to be moved, how many have been."""

    done: int
    total: int


class NotInForce(HouseError):
    """Subjects were to be moved to a version that does not rule the trial."""

    code = "charter_not_in_force"
    status = 409


def behind(charter: ImagingCharter) -> Any:
    """The subjects of the trial of which a timepoint goes by another version than this one, by code.

    One that is frozen, if only up to a visit, stays under the version that it was frozen under.
    """
    return _under_others(charter).exclude(pk__in=frozen_of(charter.trial)).order_by("code")


def frozen_behind(charter: ImagingCharter) -> int:
    """How many subjects go by another version and are frozen, so that they stay under it."""
    return int(_under_others(charter).filter(pk__in=frozen_of(charter.trial)).count())


def _under_others(charter: ImagingCharter) -> Any:
    others = Timepoint.objects.filter(subject__trial=charter.trial_id).exclude(charter=charter)
    return Subject.objects.filter(pk__in=others.values("subject")).select_related("trial", "site")


def impact(subject: Subject, charter: ImagingCharter) -> Sequence[Change]:
    """Return what would change for a subject under a version of the charter; nothing is written.

    Windows and visits first, then what the rooms above say of findings, reads and adjudications.
    """
    plan = plan_under(subject, charter)
    before = {(t.code, "Visit"): _in_words(t.name, t) for t, _ in plan if t.pk}
    after = {(t.code, "Visit"): _in_words(visit.name, visit) if visit else "no longer planned" for t, visit in plan}
    before["", "Subject code"], after["", "Subject code"] = (
        _of_code(subject, one) for one in (_ruling(subject), charter)
    )
    answers: Any = signals.charter_weighed.send(sender=ImagingCharter, subject=subject, charter=charter)
    return [*compared(subject.code, before, after), *(change for _, found in answers for change in found)]


def _of_code(subject: Subject, charter: ImagingCharter) -> str:
    if subject.state == SubjectState.CASE:
        return "as agreed"
    screened = subject.state in NOT_ENROLLED
    return fault_of_code(subject.code, subject.site, charter, screened=screened) or "as agreed"


def _ruling(subject: Subject) -> ImagingCharter:
    """The version under which a subject was enrolled, or to which it was moved."""
    first = subject.timepoints.select_related("charter").order_by("order").first()
    return first.charter if first else subject.trial.charter_in_force


def _in_words(name: str, visit: Visit | Timepoint) -> str:
    return f"{name}: day {visit.day}, {visit.window_before} days before to {visit.window_after} after"


def adopt(
    *,
    charter: ImagingCharter,
    subjects: Iterable[Subject],
    reason: str,
    signature: Intent,
    actor: User,
    at: dt.datetime,
) -> Sequence[Subject]:
    """Have subjects moved to the version in force, signed and with a reason; a job moves them one after the other.

    Windows and visits follow the schedule. What came is checked again, and a timepoint of which a finding changes is
    judged again; reads that are not begun or not signed go by the new version where the subject has no signed one.

    Returns
    -------
    sequence of Subject
        Those that are moved now; a subject that goes by this version already, or is being moved, is passed over.

    Raises
    ------
    NotInForce
    compliance.transitions.ReasonRequired, compliance.signing.WrongPassword, compliance.access.AccessDenied
    """
    access.require(actor, "trials.administer", charter)
    if not reason.strip():
        raise ReasonRequired("Moving subjects to another version of the charter needs a reason. Write one, try again.")
    with transaction.atomic():
        fresh = ImagingCharter.objects.select_for_update().select_related("trial").get(pk=charter.pk)
        if fresh.state != CharterState.IN_FORCE:
            raise NotInForce(f"Charter version {fresh.version} is not in force. Move subjects to the one that is.")
        wanted = {subject.pk for subject in subjects} - {pk for job in _jobs(fresh) for pk in job.args["subject_ids"]}
        moved = list(behind(fresh).filter(pk__in=wanted).select_for_update(of=("self",)))
        if moved:
            signing.require_unchanged(fresh, signature)
            signing.sign(fresh, signature, actor=actor, at=at)
            codes = [subject.code for subject in moved]
            said = {"subjects": codes}
            event = audit.record("imagingcharter.adopted", fresh, actor=actor, at=at, after=said, reason=reason)
            work: dict[str, Any] = {
                "charter_id": fresh.pk,
                "subject_ids": [one.pk for one in moved],
                "event_id": event.pk,
            }
            jobs.enqueue(MOVE, f"{fresh.pk}-{event.pk}", at=at, **work)
    return moved


@jobs.handler(MOVE)
def move(*, charter_id: int, subject_ids: Sequence[int], event_id: int, at: dt.datetime) -> None:
    """Move subjects as it was signed; a second run moves those that the first did not come to.

    Where another version came into force meanwhile, or the trial was locked, the rest stays as it is.
    """
    order = AuditEvent.objects.select_related("actor").get(pk=event_id)
    assert order.actor is not None
    for subject_id in subject_ids:
        with transaction.atomic():
            charter = ImagingCharter.objects.select_for_update().select_related("trial").get(pk=charter_id)
            if charter.state != CharterState.IN_FORCE or charter.trial.frozen_by():
                return
            subject = behind(charter).filter(pk=subject_id).select_for_update(of=("self",)).first()
            if subject is not None:
                _move(subject, charter, order.reason, order.actor, at)


def being_moved(charter: ImagingCharter) -> Progress | None:
    """How far the moves of subjects to a version are; None if nobody is being moved."""
    wanted = {pk for job in _jobs(charter) for pk in job.args["subject_ids"]}
    return Progress(len(wanted) - behind(charter).filter(pk__in=wanted).count(), len(wanted)) if wanted else None


def _jobs(charter: ImagingCharter) -> Any:
    return Job.objects.filter(kind=MOVE, key__startswith=f"{charter.pk}-").exclude(
        state__in=(Job.State.DONE, Job.State.FAILED)
    )


def _move(subject: Subject, charter: ImagingCharter, reason: str, actor: User, at: dt.datetime) -> None:
    plan = plan_under(subject, charter)
    for timepoint, visit in plan:
        timepoint.charter = charter
        if visit is not None:
            timepoint.name, timepoint.day = visit.name, visit.day
            timepoint.window_before, timepoint.window_after = visit.window_before, visit.window_after
    put_in_order([timepoint for timepoint, _ in plan])
    for timepoint, visit in plan:
        action = "timepoint.replanned" if timepoint.pk else "timepoint.planned"
        audit.save(timepoint, action=action, actor=actor, at=at, reason=reason)
        if visit is None and timepoint.image_state == ImageState.EXPECTED:
            why = f"not planned by version {charter.version} of the charter"
            advance(timepoint, "miss", field="image_state", actor=actor, at=at, reason=why)
    signals.subject_replanned.send(sender=Subject, subject=subject, at=at)
