"""Accepted responses as FHIR R4 has them: DiagnosticReport, one for each timepoint of a locked trial that was read.

It tells what the endpoint figures tell (`reading.exports.showing`), to the same people, and each look is recorded.
Before the lock there is none; what a baseline amounts to is no response, and no reader is named.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from compliance import fhir
from compliance.fhir import Json, Kind, Parameter, Token
from compliance.models import User
from imaging.fhir import study_identifier
from imaging.models import ImagingStudy
from reading import derivation
from reading.exports import showing
from reading.exports.endpoint_results import ACCEPTED, Endpoints, Visit
from trials import release
from trials.fhir import subject_of, subject_system
from trials.models import Timepoint, Trial
from trials.release import Artefact
from trials.selectors import trials_of

_DEFINED = "http://hl7.org/fhir/SearchParameter"
#: Section and kind of the report (diagnosticreport.html: v2-0074 for the category, LOINC for the code).
_CATEGORY = {"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "RAD", "display": "Radiology"}
_CODE = {"system": "http://loinc.org", "code": "18748-4", "display": "Diagnostic imaging study"}


@dataclass(frozen=True, slots=True)
class Report:
    """An accepted response at a timepoint, in words and as a number, with the scans that were read."""

    timepoint: Timepoint
    visit: Visit
    words: str
    criteria: str
    burden: str
    scans: tuple[ImagingStudy, ...]

    @property
    def system(self) -> str:
        """The system of the response's code: the criteria."""
        return fhir.sid(f"response/{self.criteria.lower().replace(' ', '-')}")

    @property
    def scanned_on(self) -> dt.date | None:
        """The shifted date of the first scan that has one."""
        return next((scan.shifted_date for scan in self.scans if scan.shifted_date), None)


def reports_seen_by(user: User, at: dt.datetime, of: int | None) -> list[Report]:
    """Return the reports that somebody gets, by timepoint; of each trial it is recorded that results were looked at.

    Parameters
    ----------
    of
        The timepoint that is asked for: no other trial than its own is looked at. None: all are.
    """
    trials = trials_of(user, *release.roles_of(Artefact.OUTCOMES))
    if of is not None:
        trials = trials.filter(pk__in=Timepoint.objects.filter(pk=of).values("subject__trial"))
    found: list[Report] = []
    for trial in trials.order_by("pk"):
        if release.is_released(Artefact.OUTCOMES, trial):
            found += _reports(trial, showing.show_endpoints(trial=trial, actor=user, at=at))
    return sorted(found, key=lambda report: report.timepoint.pk)


def _reports(trial: Trial, endpoints: Endpoints) -> Iterator[Report]:
    charter = trial.charter_in_force
    accepted = endpoints.results(ACCEPTED)
    if charter is None or accepted is None:
        return
    words = {str(term.value): term.words for term in derivation.pack_of(charter).terms}
    timepoints = Timepoint.objects.filter(subject__trial=trial).select_related("subject__trial")
    at = {(one.subject.code, one.code): one for one in timepoints}
    scans = _scans_read(trial)
    for course in accepted.subjects:
        for visit in course.visits:
            if visit.overall:
                timepoint = at[course.subject, visit.code]
                said = words.get(visit.overall, visit.overall)
                shown = tuple(scans.get(timepoint.pk, ()))
                yield Report(timepoint, visit, said, endpoints.criteria, endpoints.burden, shown)


def _scans_read(trial: Trial) -> dict[int, list[ImagingStudy]]:
    """Return the scans with something to read by timepoint: those with a day first, by day, as a package has them."""
    found = ImagingStudy.objects.filter(trial=trial, series__for_reading=True).distinct()
    at: dict[int, list[ImagingStudy]] = {}
    for one in sorted(found, key=lambda s: (s.study_day is None, s.study_day or 0, s.study_instance_uid)):
        at.setdefault(one.timepoint_id, []).append(one)
    return at


def _told(report: Report) -> Json:
    locked_at = _locked_at(report)
    return {
        "id": str(report.timepoint.pk),
        "status": "final",
        "category": [{"coding": [_CATEGORY]}],
        "code": {"coding": [_CODE], "text": f"Response at {report.timepoint.name}"},
        "subject": subject_of(report.timepoint.subject),
        "effectiveDateTime": report.scanned_on.isoformat() if report.scanned_on else "",
        "issued": fhir.instant(locked_at) if locked_at else "",
        "imagingStudy": [{"type": "ImagingStudy", "identifier": study_identifier(scan)} for scan in report.scans],
        "conclusion": _conclusion(report),
        "conclusionCode": [
            {
                "coding": [{"system": report.system, "code": report.visit.overall, "display": report.words}],
                "text": report.words,
            }
        ],
    }


def _conclusion(report: Report) -> str:
    change = report.visit.change_percent
    said = [f"Overall response: {report.words} ({report.visit.overall})."]
    if change is not None:
        said.append(f"{report.burden}: {change:+.1f} % from baseline.")
    if report.visit.new_lesion:
        said.append("A new lesion.")
    return " ".join(said)


def _locked_at(report: Report) -> dt.datetime | None:
    return report.timepoint.subject.trial.locked_at


def _is_of_subject(report: Report, token: Token) -> bool:
    subject = report.timepoint.subject
    codes = {subject.code, subject.screening_code} - {""}
    return token.system in (None, subject_system(subject.trial)) and (not token.code or token.code in codes)


_BY_CODE = "With :identifier only: the subject's code, its system, or both."
REPORT = Kind(
    type="DiagnosticReport",
    verb="reading.see_endpoints",
    says="Accepted responses of locked trials, from the first after the baseline until progression.",
    seen=reports_seen_by,
    told=_told,
    parameters=(
        fhir.id_among(lambda report: report.timepoint.pk),
        Parameter(
            "patient:identifier", "reference", f"{_DEFINED}/clinical-patient", fhir.among(_is_of_subject), _BY_CODE
        ),
        Parameter(
            "subject:identifier",
            "reference",
            f"{_DEFINED}/DiagnosticReport-subject",
            fhir.among(_is_of_subject),
            _BY_CODE,
        ),
        Parameter(
            "conclusion",
            "token",
            f"{_DEFINED}/DiagnosticReport-conclusion",
            fhir.among(lambda report, token: token.names(report.system, report.visit.overall)),
        ),
    ),
    # When a trial was locked says nothing of when a scan was made.
    modified=_locked_at,
    record=lambda report: report.timepoint,
)
