"""Enrolling subjects, and what then becomes of their timepoints."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from compliance import access, audit
from compliance.errors import HouseError
from compliance.models import User
from compliance.transitions import advance
from trials import signals
from trials.models import ImagingCharter, Site, Subject, Timepoint
from trials.services.qualifying import require_qualified
from trials.states import SubjectState


class NotRunning(HouseError):
    """The trial has no charter in force."""

    code = "trial_not_running"
    status = 409


class SubjectExists(HouseError):
    """The subject code is in use."""

    code = "subject_exists"
    status = 409


class CodeRefused(HouseError):
    """The subject code is not made as the charter says."""

    code = "subject_code_refused"
    status = 422


def enrol_subject(
    *, site: Site, code: str, reference_date: dt.date, actor: User, at: dt.datetime, arm: str = ""
) -> Subject:
    """Add a subject and the timepoints that the charter in force plans for it.

    Parameters
    ----------
    reference_date
        The protocol's day 1 for this subject; visit windows count from it.

    Raises
    ------
    NotRunning, SubjectExists, CodeRefused
    trials.services.qualifying.SiteNotQualified
    """
    access.require(actor, "trials.enrol", site)
    trial = site.trial
    charter = trial.charter_in_force
    if charter is None:
        raise NotRunning(f"Trial {trial.code} has no charter in force yet, so no subject can be enrolled.")
    require_qualified(site, charter, at)
    if trial.subjects.filter(code=code).exists():
        raise SubjectExists(f"Trial {trial.code} has a subject {code} already. Check the code.")
    if fault := fault_of_code(code, site, charter):
        raise CodeRefused(f"The subject code cannot be used at site {site.code}. {fault}")
    with transaction.atomic():
        subject = Subject(
            trial=trial,
            site=site,
            code=code,
            arm=arm,
            reference_date=reference_date,
            state=SubjectState.ENROLLED,
            enrolled_at=at,
        )
        audit.save(subject, action="subject.enrolled", actor=actor, at=at)
        for timepoint in planned_timepoints(subject, charter):
            audit.save(timepoint, action="timepoint.planned", actor=actor, at=at)
    return subject


def fault_of_code(code: str, site: Site, charter: ImagingCharter) -> str:
    """Return what speaks against a code for a new subject of a site, as a sentence; empty for a right one."""
    codes = charter.terms.subjects.codes_of(site.code)
    return codes.fault_of(code) if codes else ""


def planned_timepoints(subject: Subject, charter: ImagingCharter) -> list[Timepoint]:
    """Return the timepoints that a charter plans for a subject, not stored yet."""
    return [
        Timepoint(
            subject=subject,
            charter=charter,
            code=visit.code,
            name=visit.name,
            order=order,
            day=visit.day,
            window_before=visit.window_before,
            window_after=visit.window_after,
        )
        for order, visit in enumerate(charter.terms.schedule)
    ]


def withdraw_subject(*, subject: Subject, reason: str, actor: User, at: dt.datetime) -> Subject:
    """Record that a subject left the trial; open timepoints stay as they are, further ones are not expected."""
    with transaction.atomic():
        advance(subject, "withdraw", actor=actor, at=at, reason=reason)
        signals.subject_withdrawn.send(sender=Subject, subject=subject, at=at)
    return subject


def mark_missed(*, timepoint: Timepoint, reason: str, actor: User, at: dt.datetime) -> Timepoint:
    """Record that a visit's scan will not come; reading goes on without it."""
    with transaction.atomic():
        advance(timepoint, "miss", field="image_state", actor=actor, at=at, reason=reason)
        signals.timepoint_missed.send(sender=Timepoint, timepoint=timepoint, at=at)
    return timepoint
