"""The day's digest: one mail to each person and trial in which something waits, with how much and since when."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.urls import reverse

from compliance import access, jobs, worklists
from compliance.models import Job, User
from trials.models import Trial
from trials.services.telling import post

KIND, JOB = "digest", "trials.send_digests"


def send_when_due(*, at: dt.datetime) -> None:
    """Have the day's digests written, once a day from the hour of the settings on."""
    day = at.date().isoformat()
    if at.hour >= settings.DIGEST_HOUR and not Job.objects.filter(kind=JOB, key=day).exists():
        jobs.enqueue(JOB, day, at=at)


@jobs.handler(JOB)
def send_digests(*, at: dt.datetime) -> None:
    """Write the digests of a day; a second run writes what the first did not come to."""
    people = User.objects.filter(is_active=True, mail_digest=True, memberships__ended_at=None).exclude(email="")
    for person in people.filter(memberships__isnull=False).distinct().order_by("pk"):
        for trial in Trial.objects.filter(memberships__user=person, memberships__ended_at=None).distinct():
            send_digest(person, trial, at=at)


def send_digest(person: User, trial: Trial, *, at: dt.datetime) -> None:
    """Tell a person what waits in a trial, if anything does; blinded work like any other, as it names no trial."""
    found = [*worklists.waiting_for(person, at, trial), *worklists.waiting_in(person, trial, at)]
    waiting = [one for one in found if one.since is not None and one.count]
    if waiting:
        lines = [f"- {one.label}: {one.count}, {one.told(at)}" for one in waiting]
        sees = access.may(person, "trials.see_subjects", trial)
        page = reverse("trials:home", kwargs={"pk": trial.pk}) if sees else reverse("home")
        key = f"digest-{at.date().isoformat()}-{trial.pk}-{person.pk}"
        post(person, KIND, key, "What waits for you", "\n".join(lines), page, trial.pk, at)
