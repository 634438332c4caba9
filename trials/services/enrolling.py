"""Enrolling subjects, and what then becomes of their timepoints."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction
from django.db.models import Q

from compliance import access, audit
from compliance.errors import HouseError
from compliance.models import User
from compliance.transitions import advance
from trials import signals
from trials.models import ImagingCharter, Site, Subject, Timepoint, Trial
from trials.services.planning import further_timepoints, planned_timepoints, put_in_order
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


class ScreenedFirst(HouseError):
    """By the charter a subject is screened before it is enrolled."""

    code = "screened_first"
    status = 409


class NotScreened(HouseError):
    """The charter knows no screening."""

    code = "not_screened"
    status = 409


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
    ScreenedFirst
        By the charter, subjects are screened before (`screen_subject`).
    """
    charter = _charter_for_new(site, code, actor, at)
    if charter.terms.subjects.screening:
        raise ScreenedFirst(f"Subjects of trial {site.trial.code} are screened before they are enrolled. Screen it.")
    subject = Subject(site=site, code=code, arm=arm, reference_date=reference_date, enrolled_at=at)
    return _add(subject, charter, SubjectState.ENROLLED, actor, at)


def screen_subject(*, site: Site, code: str, reference_date: dt.date, actor: User, at: dt.datetime) -> Subject:
    """Add a subject of which it is not known yet whether it takes part, with the timepoints of screening.

    Parameters
    ----------
    reference_date
        Day 1 as it is planned.

    Raises
    ------
    NotRunning, SubjectExists, CodeRefused
    NotScreened
        The charter knows no screening.
    """
    charter = _charter_for_new(site, code, actor, at)
    if not charter.terms.subjects.screening:
        raise NotScreened(f"The charter of trial {site.trial.code} knows no screening. Enrol the subject.")
    subject = Subject(site=site, code=code, reference_date=reference_date, screened_at=at)
    return _add(subject, charter, SubjectState.SCREENED, actor, at)


def _charter_for_new(site: Site, code: str, actor: User, at: dt.datetime) -> ImagingCharter:
    """The charter by which a site may take a new subject under a code."""
    access.require(actor, "trials.enrol", site)
    trial = site.trial
    charter = trial.charter_in_force
    if charter is None:
        raise NotRunning(f"Trial {trial.code} has no charter in force yet, so no subject can be enrolled.")
    require_qualified(site, charter, at)
    refuse_known(trial, code)
    _refuse_code(code, site, charter, screened=charter.terms.subjects.screening)
    return charter


def refuse_known(trial: Trial, code: str) -> None:
    if trial.subjects.filter(Q(code=code) | Q(screening_code=code)).exists():
        raise SubjectExists(f"Trial {trial.code} has a subject {code} already. Check the code.")


def _refuse_code(code: str, site: Site, charter: ImagingCharter, *, screened: bool) -> None:
    if fault := fault_of_code(code, site, charter, screened=screened):
        raise CodeRefused(f"The subject code cannot be used at site {site.code}. {fault}")


def _add(subject: Subject, charter: ImagingCharter, state: SubjectState, actor: User, at: dt.datetime) -> Subject:
    subject.trial, subject.state = subject.site.trial, state
    with transaction.atomic():
        audit.save(subject, action=f"subject.{state}", actor=actor, at=at)
        for timepoint in planned_timepoints(subject, charter):
            audit.save(timepoint, action="timepoint.planned", actor=actor, at=at)
    return subject


def fault_of_code(code: str, site: Site, charter: ImagingCharter, *, screened: bool = False) -> str:
    """Return what speaks against a code for a new subject of a site, as a sentence; empty for a right one."""
    codes = charter.terms.subjects.codes_of(site.code, screened=screened)
    return codes.fault_of(code) if codes else ""


def enrol_screened(
    *, subject: Subject, reference_date: dt.date, actor: User, at: dt.datetime, code: str = ""
) -> Subject:
    """Enrol a subject that was screened: its other visits are planned from day 1 as it is now.

    Parameters
    ----------
    code
        Where the charter gives subjects another code from now on; the one before stays known.

    Raises
    ------
    compliance.transitions.IllegalMove, NotRunning, SubjectExists, CodeRefused
    trials.services.qualifying.SiteNotQualified
    """
    charter = subject.trial.charter_in_force
    if charter is None:
        raise NotRunning(f"Trial {subject.trial.code} has no charter in force, so no subject can be enrolled.")
    access.require(actor, "trials.enrol", subject)
    require_qualified(subject.site, charter, at)
    new: dict[str, Any] = {}
    if charter.terms.subjects.screening_format or code not in ("", subject.code):
        if not code:
            raise CodeRefused(f"Subject {subject.code} gets another code with its enrolment. Say which.")
        refuse_known(subject.trial, code)
        _refuse_code(code, subject.site, charter, screened=False)
        new = {"code": code, "screening_code": subject.code}
    with transaction.atomic():
        planned_for = subject.reference_date
        advance(subject, "enrol", actor=actor, at=at, reference_date=reference_date, enrolled_at=at, **new)
        timepoints = [*subject.timepoints.order_by("order"), *further_timepoints(subject, charter)]
        put_in_order(timepoints)
        for timepoint in timepoints:
            audit.save(timepoint, action="timepoint.planned", actor=actor, at=at)
        signals.subject_enrolled.send(sender=Subject, subject=subject, planned_for=planned_for, at=at)
    return subject


def fail_screening(*, subject: Subject, reason: str, actor: User, at: dt.datetime) -> Subject:
    """Record that a subject that was screened does not take part; nothing more is expected, and nothing is read."""
    with transaction.atomic():
        advance(subject, "fail_screening", actor=actor, at=at, reason=reason)
        signals.subject_withdrawn.send(sender=Subject, subject=subject, at=at)
    return subject


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
