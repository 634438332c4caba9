"""ODM 1.3.2: the package's tables as one file of subjects, visits, forms and items, with audit records and signatures.

It is made of the same rows as the CSV tables, subject after subject.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from compliance.exporting import code_version
from reading.exports import odm_study
from reading.exports.dataset_json import study_oid
from reading.exports.locked import LockedTrial, moment
from reading.exports.odm_subjects import Seen, earlier_versions, subject_data
from reading.exports.xml_text import HEAD

NAME = "odm.xml"


def odm_files(trial: LockedTrial) -> Iterator[tuple[str, bytes]]:
    """Return the file, dated by the lock."""
    seen = Seen()
    subjects = ["\n".join(subject_data(trial, subject, seen)).encode() for subject in trial.subjects]
    versions = list(earlier_versions(trial, seen))
    after = ["<AuditRecords>", *versions, "</AuditRecords>"] if versions else []
    before = [
        f"{HEAD}{_opened(trial)}",
        odm_study.study(trial, seen),
        odm_study.people(trial, seen),
        odm_study.clinical(trial),
    ]
    end = [*after, odm_study.signatures(trial, seen), "</ClinicalData>", "</ODM>", ""]
    yield NAME, b"\n".join(chain((line.encode() for line in before), subjects, (line.encode() for line in end)))


def _opened(trial: LockedTrial) -> str:
    code = code_version(("reading/exports",))
    return odm_study.opened(
        "ODM",
        {
            "xmlns": "http://www.cdisc.org/ns/odm/v1.3",
            "ODMVersion": "1.3.2",
            "FileType": "Snapshot",
            "Granularity": "All",
            "FileOID": f"{study_oid(trial)}.odm",
            "CreationDateTime": moment(trial.locked_at),
            "AsOfDateTime": moment(trial.locked_at),
            "Originator": trial.sponsor,
            "SourceSystem": code["name"],
            "SourceSystemVersion": code["version"],
            "Description": "Imaging endpoints as they were locked. Dates and times within a subject are shifted by one "
            "constant number of days for each subject.",
        },
    )
