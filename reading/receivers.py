"""What this room does on hearing news."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.dispatch import receiver

from compliance import jobs
from compliance.errors import HouseError
from imaging.signals import timepoint_cleared, timepoint_reopened, urgency_weighed
from reading import criteria
from reading.models import Adjudication, GlobalReview, ReadTask
from reading.selectors_real_time import urgent_among
from reading.services import closing, measuring, weighing
from reading.signals import adjudication_decided, read_submitted, review_signed
from trials.charter import Charter
from trials.impact import Change, Consequence
from trials.models import ImagingCharter, Subject, Timepoint
from trials.signals import (
    charter_to_be_signed,
    charter_weighed,
    consent_weighed,
    consent_withdrawn,
    images_to_be_erased,
    subject_enrolled,
    subject_replanned,
    subject_rescheduled,
    subject_withdrawn,
    timepoint_missed,
)
from trials.terms.kinds import Problem


@receiver(timepoint_cleared)
def open_its_reads(*, timepoint: Timepoint, at: dt.datetime, **_: Any) -> None:
    """A timepoint passed quality control: its readers may begin."""
    jobs.enqueue("reading.open_reads", str(timepoint.pk), at=at, timepoint_id=timepoint.pk)
    about, cleared_at = timepoint.subject_id, at.isoformat()
    jobs.enqueue("reading.go_on_on_clocks", str(timepoint.pk), at=at, subject_id=about, cleared_at=cleared_at)


@receiver(timepoint_reopened)
def read_anew_on_its_clock(*, timepoint: Timepoint, at: dt.datetime, **_: Any) -> None:
    """Images came after the clearance: what is being read on a clock is asked anew."""
    jobs.enqueue("reading.begin_anew", str(timepoint.pk), at=at, timepoint_id=timepoint.pk)


@receiver(urgency_weighed)
def tell_what_is_waited_for(*, timepoints: Sequence[Timepoint], **_: Any) -> set[int]:
    """Quality control asks what comes first: what a read on a clock waits for."""
    return urgent_among(timepoints)


@receiver(read_submitted)
def renew_the_report(*, task: ReadTask, at: dt.datetime, **_: Any) -> None:
    """A read was signed: the report of the readers' agreement is made ready for whoever looks next."""
    _renew(task.timepoint.subject, at)


@receiver(adjudication_decided)
def renew_the_report_too(*, adjudication: Adjudication, at: dt.datetime, **_: Any) -> None:
    """An adjudication was decided: the report says so."""
    _renew(adjudication.subject, at)


@receiver(review_signed)
def renew_the_report_as_well(*, review: GlobalReview, at: dt.datetime, **_: Any) -> None:
    """A global review was signed: the responses of the report are those that it left."""
    _renew(review.subject, at)


def _renew(subject: Subject, at: dt.datetime) -> None:
    trial = subject.trial_id
    jobs.enqueue(measuring.RENEW, str(trial), at=at, delay=measuring.QUIET, trial_id=trial)


@receiver(subject_enrolled)
def read_what_was_cleared(*, subject: Subject, at: dt.datetime, **_: Any) -> None:
    """A subject that was screened takes part: what quality control has cleared meanwhile is read."""
    jobs.enqueue("reading.settle_subject", str(subject.pk), at=at, subject_id=subject.pk)


@receiver(subject_withdrawn)
def settle_what_was_read(*, subject: Subject, at: dt.datetime, **_: Any) -> None:
    """A subject left: visits not reached are waited for no longer, nor a read on a clock if it never took part."""
    jobs.enqueue("reading.settle_clocks", str(subject.pk), at=at, subject_id=subject.pk)
    jobs.enqueue("reading.settle_subject", str(subject.pk), at=at, subject_id=subject.pk)


@receiver(consent_weighed)
def weigh_its_reads(*, subject: Subject, rule: str, **_: Any) -> list[Consequence]:
    """Consent is to be withdrawn: what becomes of the subject's reads."""
    return closing.weigh(subject, rule)


@receiver(images_to_be_erased)
def keep_what_was_signed(*, subject: Subject, **_: Any) -> set[int]:
    """Images are to be erased: those that a signed read rests on stay, so that it can be replayed."""
    return closing.timepoints_with_signed_reads(subject)


@receiver(consent_withdrawn)
def close_its_reads(*, subject: Subject, at: dt.datetime, **_: Any) -> None:
    """Consent was withdrawn: nothing more is read, where the charter says so; visits not reached are not waited for."""
    if subject.is_read_no_further:
        closing.close(subject=subject, at=at)
    settle_what_was_read(subject=subject, at=at)


@receiver(timepoint_missed)
def go_on_without_it(*, timepoint: Timepoint, at: dt.datetime, **_: Any) -> None:
    """A visit was missed: the next timepoint may open."""
    jobs.enqueue("reading.settle_subject", str(timepoint.subject_id), at=at, subject_id=timepoint.subject_id)


@receiver(subject_rescheduled)
def go_by_its_visits(*, subject: Subject, at: dt.datetime, **_: Any) -> None:
    """A subject has other visits: the one that its next read waited for may be gone."""
    jobs.enqueue("reading.settle_subject", str(subject.pk), at=at, subject_id=subject.pk)


@receiver(charter_to_be_signed)
def check_criteria(*, terms: Charter, **_: Any) -> list[Problem]:
    """A charter is to be signed: its criteria must be known here, and go with the order of reading."""
    try:
        pack = criteria.get(terms.criteria, terms.criteria_parameters)
    except HouseError as problem:
        return [Problem(("criteria",), problem.message.rstrip("."))]
    if terms.reads.by_itself and not pack.reads_stand_alone:
        why = f"{pack.identifier} compares a timepoint with the ones before it, so none can be read by itself"
        return [Problem(("reads", "order"), why)]
    return []


@receiver(charter_weighed)
def weigh_reads(*, subject: Subject, charter: ImagingCharter, **_: Any) -> list[Change]:
    """A version of the charter is weighed: what the reads would amount to under it."""
    return weighing.weigh(subject, charter)


@receiver(subject_replanned)
def go_by_its_charter(*, subject: Subject, at: dt.datetime, **_: Any) -> None:
    """A subject goes by another version of the charter: its reads do too, unless one is signed."""
    jobs.enqueue("reading.replan_subject", str(subject.pk), at=at, subject_id=subject.pk)
