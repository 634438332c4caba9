"""Questions about who reads: exclusions, pools, pairs and draws, for those who follow the reading."""

from __future__ import annotations

import datetime as dt

from django.db.models import Exists, OuterRef, Q, QuerySet

from compliance.models import User
from reading.models import AffectedSubject, Draw, PoolMember, ReaderExclusion, ReaderPair, ReadTask, Unblinding
from reading.states import ReadState, UnblindingState
from trials.models import Role, Subject, Trial
from trials.selectors import trials_of

_WHO = (Role.READING_MANAGER, Role.AUDITOR, Role.TRIAL_ADMINISTRATOR)


def exclusions_seen_by(user: User) -> QuerySet[ReaderExclusion]:
    """Exclusions, ended ones too, of the trials whose reading the person follows."""
    found = ReaderExclusion.objects.filter(trial__in=trials_of(user, *_WHO))
    return found.select_related("trial", "person", "site", "subject", "recorded_by", "ended_by")


def pool_members_seen_by(user: User) -> QuerySet[PoolMember]:
    """Readers in pools, then and now, of the trials whose reading the person follows."""
    return PoolMember.objects.filter(trial__in=trials_of(user, *_WHO)).select_related("trial", "person")


def pairs_seen_by(user: User) -> QuerySet[ReaderPair]:
    """Fixed pairs, then and now, of the trials whose reading the person follows."""
    return ReaderPair.objects.filter(trial__in=trials_of(user, *_WHO)).select_related("trial", "first", "second")


def draws_seen_by(user: User) -> QuerySet[Draw]:
    """Draws of readers in the trials whose reading the person follows."""
    return Draw.objects.filter(subject__trial__in=trials_of(user, *_WHO)).select_related("subject__site", "charter")


def subjects_managed_by(user: User) -> QuerySet[Subject]:
    """Subjects of the trials whose reading the person manages."""
    return Subject.objects.filter(trial__in=trials_of(user, Role.READING_MANAGER)).select_related("trial", "site")


def given_against_exclusions(trial: Trial) -> QuerySet[ReadTask]:
    """Reads that are not signed, of readers who are excluded from the subject now."""
    subject = Q(subject=OuterRef("timepoint__subject")) | Q(site=OuterRef("timepoint__subject__site"))
    standing = ReaderExclusion.objects.filter(subject, person=OuterRef("reader"), ended_at=None)
    reads = ReadTask.objects.filter(Exists(standing), timepoint__subject__trial=trial)
    return reads.filter(state__in=(ReadState.WAITING, ReadState.ASSIGNED, ReadState.READING))


def unblindings_seen_by(user: User) -> QuerySet[Unblinding]:
    """Every unplanned unblinding, of the trials in which the person answers for the reading or audits it."""
    seen = Unblinding.objects.filter(trial__in=trials_of(user, *_WHO)).prefetch_related("affected__subject")
    return seen.select_related("trial", "person", "reported_by", "assessed_by")


def read_unblinded(subject: Subject, closed_at: dt.datetime) -> set[int]:
    """Timepoints of a subject, by key, that somebody read who was unblinded there, as it was known when the
    data were closed.

    What is found out afterwards leaves the package as it is; the system has it.
    """
    named = AffectedSubject.objects.filter(subject=subject, unblinding__state=UnblindingState.CLOSED)
    before = named.filter(unblinding__closed_at__lte=closed_at)
    codes = [code for one in before for code in one.reads]
    return set(ReadTask.every.filter(blinded_code__in=codes).values_list("timepoint_id", flat=True))
