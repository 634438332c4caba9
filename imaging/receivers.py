"""What this room does on hearing news."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.dispatch import receiver

from compliance import jobs
from compliance.errors import HouseError
from imaging.deid.recipe import Recipe
from imaging.quality import FINDS, Severity
from imaging.services import erasing, placing, weighing
from imaging.services.checking import CHECK
from trials.charter import Charter
from trials.impact import Change, Consequence
from trials.models import ImagingCharter, Subject
from trials.signals import (
    charter_to_be_signed,
    charter_weighed,
    consent_weighed,
    consent_withdrawn,
    subject_enrolled,
    subject_replanned,
)
from trials.states import ImageState
from trials.terms.kinds import Problem


@receiver(charter_to_be_signed)
def check_recipe_and_findings(*, terms: Charter, **_: Any) -> list[Problem]:
    """A charter is to be signed: what it says of de-identification and of checks must be possible here."""
    problems = []
    try:
        Recipe.parse(terms.deidentification)
    except HouseError as problem:
        problems.append(Problem(("deidentification",), problem.message.rstrip(".")))
    known = {code for code, severity in FINDS.items() if severity is not Severity.PASS}
    return problems + [
        Problem(("checks", code), "no finding has this name") for code in terms.checks if code not in known
    ]


@receiver(charter_weighed)
def weigh_findings(*, subject: Subject, charter: ImagingCharter, **_: Any) -> list[Change]:
    """A version of the charter is weighed: what the checks would say under it."""
    return weighing.weigh(subject, charter)


@receiver(subject_enrolled)
def count_from_day_1(*, subject: Subject, planned_for: dt.date, at: dt.datetime, **_: Any) -> None:
    """A subject that was screened is enrolled: the days of its scans count from the day 1 that is known now."""
    placing.count_days_anew(subject=subject, planned_for=planned_for, at=at)
    check_again(subject=subject, at=at)


@receiver(consent_weighed)
def weigh_images(*, subject: Subject, rule: str, **_: Any) -> list[Consequence]:
    """Consent is to be withdrawn: what becomes of the subject's images."""
    return erasing.weigh(subject, rule)


@receiver(consent_withdrawn)
def erase_images(*, subject: Subject, at: dt.datetime, **_: Any) -> None:
    """Consent was withdrawn: where the charter says so, images are erased."""
    if subject.images_rule == "erase":
        erasing.begin(subject=subject, at=at)


@receiver(subject_replanned)
def check_again(*, subject: Subject, at: dt.datetime, **_: Any) -> None:
    """A subject goes by another version of the charter: what came of it is checked by that one."""
    for timepoint in subject.timepoints.filter(image_state=ImageState.RECEIVED):
        jobs.enqueue(CHECK, str(timepoint.pk), at=at, timepoint_id=timepoint.pk)
