"""Amending: what another version of the charter would change, and moving subjects to it by a signed act.

A version in force rules whoever is enrolled from then on. What was planned, checked and read before keeps the version
it was made under, until a person moves its subject; and a signed read keeps its own even then.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction

from compliance import access, audit, signing
from compliance.errors import HouseError
from compliance.models import User
from compliance.signing import Intent
from compliance.transitions import ReasonRequired, advance
from trials import signals
from trials.charter import Visit
from trials.impact import Change, compared
from trials.models import ImagingCharter, Subject, Timepoint
from trials.services.enrolling import fault_of_code
from trials.services.planning import plan_under, put_in_order
from trials.states import NOT_ENROLLED, CharterState, ImageState


class NotInForce(HouseError):
    """Subjects were to be moved to a version that does not rule the trial."""

    code = "charter_not_in_force"
    status = 409


def behind(charter: ImagingCharter) -> Any:
    """The subjects of the trial of which a timepoint goes by another version than this one, by code."""
    others = Timepoint.objects.filter(subject__trial=charter.trial_id).exclude(charter=charter)
    return Subject.objects.filter(pk__in=others.values("subject")).select_related("trial", "site").order_by("code")


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
    """Move subjects to the version in force, signed and with a reason; all of them or none.

    Windows and visits follow the schedule. What came is checked again, and a timepoint of which a finding changes is
    judged again; reads that are not begun or not signed go by the new version where the subject has no signed one.

    Returns
    -------
    sequence of Subject
        Those for whom something changed hands; a subject that goes by this version already is passed over.

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
        wanted = {subject.pk for subject in subjects}
        moved = list(behind(fresh).filter(pk__in=wanted).select_for_update(of=("self",)))
        if moved:
            signing.require_unchanged(fresh, signature)
            signing.sign(fresh, signature, actor=actor, at=at)
            codes = [subject.code for subject in moved]
            audit.record("imagingcharter.adopted", fresh, actor=actor, at=at, after={"subjects": codes}, reason=reason)
        for subject in moved:
            _move(subject, fresh, reason, actor, at)
    return moved


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
