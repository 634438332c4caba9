"""Freezes: which there were, what they cover, and who may freeze what."""

from __future__ import annotations

from typing import Any

from django.db.models import Max, Q, QuerySet

from compliance import access
from compliance.models import User
from trials.models import Freeze, FrozenSubject, Role, Subject, Trial
from trials.selectors import trials_of
from trials.states import NOT_ENROLLED, FreezeLevel, FreezeState, SubjectState

#: Who sees every freeze. Who signs a lock as the second one sees interim locks alone, without the subjects' codes.
_WATCHING = (Role.READING_MANAGER, Role.AUDITOR, Role.TRIAL_ADMINISTRATOR)
_SIGNING = (Role.READING_MANAGER, Role.QC_ANALYST, Role.SPONSOR)


def freezes_seen_by(user: User) -> QuerySet[Freeze]:
    """Freezes of the trials in which the person freezes or watches, and interim locks that are theirs to sign."""
    signed = [trial.pk for trial in trials_of(user, *_SIGNING) if access.may(user, "trials.confirm_lock", trial)]
    every = Q(trial__in=trials_of(user, *_WATCHING).values("pk"))
    found = Freeze.objects.filter(every | Q(trial__in=signed, level=FreezeLevel.INTERIM))
    return found.select_related("trial", "made_by", "confirmed_by", "lifted_by")


def subjects_frozen_by(user: User) -> QuerySet[Subject]:
    """Every subject of the trials in which the person manages or administers; the page says which can be frozen."""
    trials = trials_of(user, Role.READING_MANAGER, Role.TRIAL_ADMINISTRATOR)
    return Subject.objects.filter(trial__in=trials.values("pk")).select_related("trial", "site")


def freezable(subjects: QuerySet[Subject]) -> QuerySet[Subject]:
    """Those of some subjects that there is something to freeze of: they were enrolled, and are no cases to train on."""
    return subjects.exclude(enrolled_at=None).exclude(state__in=(*NOT_ENROLLED, SubjectState.CASE)).order_by("code")


def freeze_of(subject: Subject) -> Freeze | None:
    """Return the freeze that covers a subject as a whole; None: none does."""
    found = Freeze.objects.filter(covered__subject=subject, covered__through=None)
    return found.exclude(state=FreezeState.LIFTED).order_by("pk").first()


def frozen_of(trial: Trial) -> QuerySet[FrozenSubject, Any]:
    """Return the numbers of the subjects that a freeze covers, if only up to a visit."""
    found = FrozenSubject.objects.filter(freeze__trial=trial).exclude(freeze__state=FreezeState.LIFTED)
    return found.values("subject")


def unconfirmed(trial: Trial) -> Freeze | None:
    """Return the interim lock that waits for a second signature; None if none does."""
    return Freeze.objects.filter(trial=trial, state=FreezeState.PROPOSED).order_by("pk").first()


def next_number(trial: Trial, level: FreezeLevel) -> int:
    """Return the number of the next freeze of a level."""
    last = Freeze.objects.filter(trial=trial, level=level).aggregate(last=Max("number"))["last"]
    return (last or 0) + 1
