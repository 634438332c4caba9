"""Matching: to which subject and timepoint of the trial an instance belongs, or by which rule it has to wait."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from compliance.errors import HouseError
from imaging.models import Transfer
from imaging.services.consenting import sentence_about
from imaging.states import HoldReason
from trials.models import Subject, Timepoint, Trial
from trials.schedule import Window, study_day, visits_on
from trials.states import LEFT, SubjectState


class Unmatched(HouseError):
    """The instance has no place yet; `reason` names why."""

    status = 409

    def __init__(self, reason: HoldReason, sentence: str, place: Timepoint | None = None) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.code = str(reason)
        #: Where it would belong, if that is known and must stay known.
        self.place = place


@dataclass(frozen=True, slots=True)
class Claim:
    """What a header says of where its instance belongs: codes of a subject, code of a timepoint, date of the scan."""

    subject_codes: frozenset[str]
    timepoint_code: str
    date: dt.date | None

    @classmethod
    def of(cls, seen: Mapping[str, Any]) -> Claim:
        """Read it from what the workshop saw (`imaging.deid.workshop.look`)."""
        date = seen["scan_date"]
        return cls(
            frozenset(seen["subject_codes"]), seen["timepoint_code"], dt.date.fromisoformat(date) if date else None
        )


def match(claim: Claim, transfer: Transfer, trial: Trial, chosen: Timepoint | None) -> Timepoint:
    """Find the timepoint of an instance.

    The coordinator's choice wins, unless the header names another subject of the trial. Otherwise the
    subject is the one whose code stands in Clinical Trial Subject ID or Patient ID, and the timepoint the one
    in Clinical Trial Time Point ID, or else the only visit whose window holds the scan's study day.

    Raises
    ------
    Unmatched
        With the rule that failed, as a hold reason.
    """
    named = Q(code__in=claim.subject_codes) | Q(screening_code__in=claim.subject_codes - {""})
    claimed = Subject.objects.filter(named, trial=trial).select_related("site").first()
    if chosen is not None:
        if claimed is not None and claimed.pk != chosen.subject_id:
            raise Unmatched(
                HoldReason.SUBJECT_MISMATCH,
                f"The image names another subject of the trial than {chosen.subject.code}, for whom it was sent. "
                "Check which subject was scanned, then assign it or set it aside.",
            )
        return _open(chosen)
    if claimed is None:
        raise Unmatched(
            HoldReason.SUBJECT_UNKNOWN,
            f"No subject code of the trial is in the image.{_right_code(transfer, trial)} Assign it to its subject and "
            "timepoint, or set it aside.",
        )
    if claimed.site_id != transfer.site_id:
        raise Unmatched(
            HoldReason.SUBJECT_OTHER_SITE,
            "The image names a subject of another site. Check who was scanned, then send it again or set it aside.",
        )
    return _open(_timepoint(claim, claimed))


def _right_code(transfer: Transfer, trial: Trial) -> str:
    charter = trial.charter_in_force
    codes = charter.terms.subjects.codes_of(transfer.site.code) if charter else None
    return f" Codes of its site are {codes.words}." if codes else ""


def _timepoint(claim: Claim, subject: Subject) -> Timepoint:
    timepoints = {t.code: t for t in subject.timepoints.select_related("subject__site", "charter")}
    if named := timepoints.get(claim.timepoint_code):
        return named
    codes = []
    if claim.date is not None:
        windows = [Window(t.code, *t.window) for t in timepoints.values()]
        codes = list(visits_on(study_day(claim.date, subject.reference_date), windows))
    if len(codes) != 1:
        raise Unmatched(
            HoldReason.TIMEPOINT_UNKNOWN,
            f"The image belongs to subject {subject.code}, but its date lies in no visit window. Assign its timepoint.",
        )
    return timepoints[codes[0]]


def _open(timepoint: Timepoint) -> Timepoint:
    if timepoint.subject.state == SubjectState.CONSENT_WITHDRAWN:
        raise Unmatched(HoldReason.CONSENT_WITHDRAWN, sentence_about(timepoint.subject), timepoint)
    if timepoint.subject.state in LEFT:
        raise Unmatched(
            HoldReason.SUBJECT_WITHDRAWN,
            f"Subject {timepoint.subject.code} has left the trial. Set the image aside, or ask the administrator.",
        )
    if timepoint.subject.frozen_through(timepoint.order):
        raise Unmatched(
            HoldReason.TRIAL_LOCKED,
            f"{timepoint} is frozen, so nothing is added to it. Set the image aside, or have the freeze lifted.",
        )
    return timepoint
