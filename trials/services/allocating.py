"""Allocating: the arm of a subject, which the trial administrator alone knows, and the visits that come with it.

An arm is often known days after enrolment. Until then a subject has the visits that all arms have.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence

from django.db import transaction
from django.db.models import ProtectedError

from compliance import access, audit
from compliance.errors import HouseError
from compliance.models import User
from compliance.transitions import ReasonRequired
from trials import signals
from trials.models import ImagingCharter, Subject, Timepoint
from trials.services.planning import plan_under, put_in_order
from trials.states import ImageState, SubjectState


class ArmTold(HouseError):
    """The reason for an arm names one, and people who must not know arms read reasons."""

    code = "arm_told"
    status = 422


class ArmRefused(HouseError):
    """No arm can be entered for the subject."""

    code = "arm_refused"
    status = 409


def allocate_arm(*, subject: Subject, arm: str, reason: str, actor: User, at: dt.datetime) -> Subject:
    """Enter or correct a subject's arm; its visits become those of the arm.

    Only what nobody has touched comes and goes: a timepoint with a scan, a form, a query or a read stays, and none is
    added before one whose reading has begun. The trail says that the arm was entered, by whom and why, but not which.

    Raises
    ------
    ArmTold, ArmRefused
    compliance.transitions.ReasonRequired, compliance.access.AccessDenied
    """
    access.require(actor, "trials.see_arms", subject)
    if not reason.strip():
        raise ReasonRequired("Entering an arm needs a reason. Write one and try again.")
    with transaction.atomic():
        subject = Subject.objects.select_for_update(of=("self",)).select_related("trial", "site").get(pk=subject.pk)
        timepoints = list(subject.timepoints.select_related("charter"))
        charter = _ruling(subject, timepoints)
        _refuse_telling(reason, {arm, subject.arm, *(arm for visit in charter.terms.schedule for arm in visit.arms)})
        if subject.state not in (SubjectState.SCREENED, SubjectState.ENROLLED):
            raise ArmRefused(f"Subject {subject.code} has left the trial, so its arm stays as it is.")
        if subject.arm == arm:
            return subject
        subject.arm = arm
        # The trail keeps no arms, so of this change it would say nothing by itself.
        audit.save(subject, action="subject.allocated", actor=actor, at=at)
        audit.record("subject.allocated", subject, actor=actor, at=at, reason=reason)
        if subject.state == SubjectState.ENROLLED:
            _reschedule(subject, charter, reason, actor, at)
    return subject


def show_arm(*, subject: Subject, actor: User, at: dt.datetime) -> str:
    """Return a subject's arm to who may see it; that it was shown is recorded, once a day for each person.

    Raises
    ------
    compliance.access.AccessDenied
    """
    access.require(actor, "trials.see_arms", subject)
    if subject.arm:
        audit.record_of_the_day("subject.arm_shown", subject, actor=actor, at=at)
    return subject.arm


def _ruling(subject: Subject, timepoints: Sequence[Timepoint]) -> ImagingCharter:
    """The latest version by which visits of the subject were planned."""
    planned = [one.charter for one in timepoints if not one.unscheduled]
    charter = max(planned, key=lambda one: one.version, default=None) or subject.trial.charter_in_force
    assert charter is not None
    return charter


def _refuse_telling(reason: str, arms: set[str]) -> None:
    for arm in filter(None, arms):
        # Of one letter, only the capital is an arm; the other may be a word.
        flags = re.IGNORECASE if len(arm) > 1 else re.NOFLAG
        if re.search(rf"(?<!\w){re.escape(arm)}(?!\w)", reason, flags):
            raise ArmTold("The reason names an arm, and people who must not know it read reasons. Say it without.")


def _reschedule(subject: Subject, charter: ImagingCharter, reason: str, actor: User, at: dt.datetime) -> None:
    kept = []
    for timepoint, visit in plan_under(subject, charter):
        if visit is not None or not _removed(timepoint, reason, actor, at):
            kept.append(timepoint)
    # Those that keep their place are not touched: they may be frozen.
    for timepoint in put_in_order(kept):
        audit.save(timepoint, action="timepoint.planned", actor=actor, at=at, reason=reason)
    signals.subject_rescheduled.send(sender=Subject, subject=subject, at=at)


def _removed(timepoint: Timepoint, reason: str, actor: User, at: dt.datetime) -> bool:
    """Remove a timepoint that nothing refers to, and tell whether that was so."""
    if timepoint.image_state != ImageState.EXPECTED:
        return False
    try:
        audit.delete(timepoint, action="timepoint.unplanned", actor=actor, at=at, reason=reason)
    except ProtectedError:
        return False
    return True
