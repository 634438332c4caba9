"""What this room does on hearing news."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models.signals import post_save
from django.dispatch import receiver
from django.utils import timezone

from compliance import jobs
from compliance.errors import HouseError
from imaging.signals import timepoint_cleared
from reading import criteria
from trials.charter import Charter, CharterInvalid
from trials.models import Subject, Timepoint
from trials.signals import charter_to_be_signed, subject_withdrawn
from trials.states import ImageState


@receiver(timepoint_cleared)
def open_its_reads(*, timepoint: Timepoint, at: dt.datetime, **_: Any) -> None:
    """A timepoint passed quality control: its readers may begin."""
    jobs.enqueue("reading.open_reads", str(timepoint.pk), at=at, timepoint_id=timepoint.pk)


@receiver(subject_withdrawn)
def settle_what_was_read(*, subject: Subject, at: dt.datetime, **_: Any) -> None:
    """A subject left: visits not reached are waited for no longer."""
    jobs.enqueue("reading.settle_subject", str(subject.pk), at=at, subject_id=subject.pk)


@receiver(post_save, sender=Timepoint)
def go_on_without_it(*, instance: Timepoint, created: bool, **_: Any) -> None:
    """A visit was missed: the next timepoint may open. Trials announces no news of this, so the save is heard."""
    if not created and instance.image_state == ImageState.MISSED:
        jobs.enqueue(
            "reading.settle_subject", str(instance.subject_id), at=timezone.now(), subject_id=instance.subject_id
        )


@receiver(charter_to_be_signed)
def check_criteria(*, terms: Charter, **_: Any) -> None:
    """A charter is to be signed: its criteria and their parameters must be known here."""
    try:
        criteria.get(terms.criteria, terms.criteria_parameters)
    except HouseError as problem:
        raise CharterInvalid([f"criteria: {problem.message.rstrip('.')}"]) from problem
