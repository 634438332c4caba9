"""Who hears by mail of reads on a clock: that something waits, is late or has an outcome, and never of whom or what."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.db.models import Q
from django.urls import reverse

from compliance.models import User
from reading.models import RealTimeRead
from trials.models import Role
from trials.selectors import members_with
from trials.services.telling import post

ASKED, DUE, OVERDUE, OUTCOME = "read asked for", "read due", "read overdue", "outcome of a read"


def asked(question: RealTimeRead, *, at: dt.datetime) -> None:
    """Tell the analysts, where quality control comes first, and the reading managers."""
    trial = question.timepoint.subject.trial
    page = reverse("reading:real_time", args=[trial.pk])
    people = dict.fromkeys((*members_with(trial, Role.QC_ANALYST), *members_with(trial, Role.READING_MANAGER)))
    body = "A site asks for a read at once. Quality control of its images comes first."
    _tell(people, question, ASKED, "A read is asked for at once", body, page, at)


def released(question: RealTimeRead, *, at: dt.datetime) -> None:
    """Tell the site's coordinators that there is an outcome for them."""
    page = reverse("reading:real_time", args=[question.timepoint.subject.trial_id])
    body = "A read that your site waits for is signed. Its outcome is on the page, for you to take note of."
    _tell(_coordinators(question), question, OUTCOME, "An outcome is there for you", body, page, at)


def due_soon(question: RealTimeRead, *, at: dt.datetime) -> None:
    """Remind the reader."""
    assert question.reader is not None
    body = "A read of yours is due soon. It is the first in your list."
    _tell([question.reader], question, DUE, "A read is due soon", body, reverse("reading:worklist"), at)


def overdue(question: RealTimeRead, *, at: dt.datetime) -> None:
    """Tell the reading managers that a read is not signed in time."""
    trial = question.timepoint.subject.trial
    page = reverse("reading:real_time", args=[trial.pk])
    body = "A read on a clock is not signed in time. The page says which, and who has it."
    _tell(members_with(trial, Role.READING_MANAGER), question, OVERDUE, "A read is overdue", body, page, at)


def _tell(
    people: Iterable[User], question: RealTimeRead, kind: str, subject: str, body: str, page: str, at: dt.datetime
) -> None:
    slug = kind.replace(" ", "-")
    for person in (one for one in people if one.is_active and one.mail_notices):
        key = f"{slug}-{question.pk}-{at:%Y%m%d%H%M%S%f}-{person.pk}"
        post(person, kind, key, subject, body, page, question.timepoint.subject.trial_id, at)


def _coordinators(question: RealTimeRead) -> Iterable[User]:
    at_site = Q(
        memberships__site=question.timepoint.subject.site_id,
        memberships__role=Role.SITE_COORDINATOR,
        memberships__ended_at=None,
    )
    return User.objects.filter(at_site).distinct().order_by("username")
