"""Placing scans in time: the study days of what is archived follow the subject's day 1."""

from __future__ import annotations

import datetime as dt

from compliance import audit
from imaging.models import ImagingStudy
from trials.models import Subject
from trials.schedule import date_of, study_day


def count_days_anew(*, subject: Subject, planned_for: dt.date, at: dt.datetime) -> None:
    """Count the study days of a subject's scans from its day 1, which was planned for another day."""
    for study in ImagingStudy.objects.filter(timepoint__subject=subject).order_by("pk"):
        if study.study_day is None:
            continue
        study.study_day = study_day(date_of(study.study_day, planned_for), subject.reference_date)
        audit.save(study, action="imagingstudy.placed", actor=None, at=at, reason="day 1 is known")
