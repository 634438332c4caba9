"""PR: the scans that the charter planned, and whether they were made."""

from __future__ import annotations

from collections.abc import Iterator

from reading.exports.locked import LockedTimepoint, LockedTrial
from reading.exports.sdtm import (
    DERIVED,
    PLANNED,
    READ,
    Dataset,
    Domain,
    Value,
    Variable,
    begin,
    identifiers,
    in_sequence,
    iso,
    sequence,
    visits,
)

#: DICOM's modalities in the words of CDISC's methods.
METHODS = {
    "CT": "CT SCAN",
    "MR": "MRI",
    "PT": "PET SCAN",
    "NM": "BONE SCAN",
    "CR": "X-RAY",
    "DX": "X-RAY",
    "US": "ULTRASOUND",
}

PR = Domain(
    "PR",
    "Procedures",
    "One record per planned imaging visit per subject",
    "INTERVENTIONS",
    ("STUDYID", "USUBJID", "VISITNUM"),
    (
        *identifiers("PR"),
        sequence("PR"),
        Variable("PRREFID", "Reference ID", origin=READ, method="Study Instance UID of the archived scan."),
        Variable("PRTRT", "Reported Name of Procedure", origin=READ),
        Variable("PRCAT", "Category"),
        Variable("PRPRESP", "Pre-specified", terms=(("Y", "Yes"),)),
        Variable(
            "PROCCUR",
            "Occurrence",
            origin=DERIVED,
            method="Y when images were received.",
            terms=(("Y", "Yes"), ("N", "No")),
        ),
        Variable("VISITNUM", "Visit Number", "decimal", PLANNED, "Place in the charter's schedule, from 1."),
        Variable("VISIT", "Visit Name", origin=PLANNED),
        Variable("VISITDY", "Planned Study Day of Visit", "integer", PLANNED),
        Variable("PRSTDTC", "Start Date/Time of Procedure", "date", READ, "Date of the scan, shifted per subject."),
        Variable("PRSTDY", "Study Day of Start of Procedure", "integer", DERIVED, "Days from RFSTDTC; no day 0."),
    ),
)


def scans(trial: LockedTrial) -> Dataset:
    """Return one record for each visit that was planned or added."""
    return Dataset(PR, in_sequence("PR", _records(trial)))


def _records(trial: LockedTrial) -> Iterator[dict[str, Value]]:
    for subject in trial.subjects:
        for visit in visits(subject):
            timepoint = visit.timepoint
            yield {
                **begin(trial, subject, "PR"),
                "PRREFID": timepoint.study_instance_uid,
                "PRTRT": _procedure(timepoint),
                "PRCAT": "IMAGING",
                "PRPRESP": "" if timepoint.unscheduled else "Y",
                "PROCCUR": "" if timepoint.unscheduled else "Y" if timepoint.images == "received" else "N",
                "VISITNUM": visit.number,
                "VISIT": visit.when("PR")["VISIT"],
                "VISITDY": timepoint.planned_day,
                "PRSTDTC": iso(timepoint.shifted_date),
                "PRSTDY": timepoint.study_day,
            }


def _procedure(timepoint: LockedTimepoint) -> str:
    """Name what was measured on, in CDISC's words; scans on which nothing was measured have their kind untold."""
    found = sorted({METHODS.get(picture.modality, picture.modality) for picture in timepoint.pictures})
    return "; ".join(found) or "IMAGING"
