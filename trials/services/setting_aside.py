"""Setting aside: a subject that takes no part, whose images train and examine readers."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from compliance import access, audit
from compliance.models import User
from compliance.transitions import advance
from trials.models import Site, Subject
from trials.services.enrolling import NotRunning, refuse_known
from trials.services.planning import planned_timepoints
from trials.states import SubjectState


def set_aside_case(*, site: Site, code: str, reference_date: dt.date, actor: User, at: dt.datetime) -> Subject:
    """Add a subject as a case for training and qualification, with the visits that every arm has.

    Its images come by the site's doors and pass the same checks; it is in no count, statistic or result. Its code
    need not be made as those of subjects are, so that no code of the site is used up.

    Parameters
    ----------
    reference_date
        Day 1 of the person scanned; the visits of the case are placed from it.

    Raises
    ------
    trials.services.enrolling.NotRunning, trials.services.enrolling.SubjectExists, compliance.access.AccessDenied
    """
    access.require(actor, "trials.set_aside_case", site)
    charter = site.trial.charter_in_force
    if charter is None:
        raise NotRunning(f"Trial {site.trial.code} has no charter in force yet, so no case can be set aside.")
    refuse_known(site.trial, code)
    subject = Subject(
        trial=site.trial,
        site=site,
        code=code,
        reference_date=reference_date,
        screened_at=at,
        state=SubjectState.SCREENED,
    )
    with transaction.atomic():
        audit.save(subject, action="subject.screened", actor=actor, at=at)
        advance(subject, "set_aside", actor=actor, at=at)
        for timepoint in planned_timepoints(subject, charter):
            audit.save(timepoint, action="timepoint.planned", actor=actor, at=at)
    return subject
