"""Reading whose an original is. It runs in a child process that may be killed (`compliance.confined`)."""

from __future__ import annotations

from pathlib import Path

from pydicom.dataset import Dataset

from imaging.dicom.headers import read_header, scan_date

#: Characters of a value that are shown: five parts of a name in three spellings have at most 64 each.
_MOST = 200


def identity_in(path: str) -> dict[str, str]:
    """Return what an original says of its person and study; what it does not say is empty.

    Returns
    -------
    dict
        `patient_id`, `issuer`, `patient_name`, `birth_date` and `scanned_on` (ISO 8601 where they are dates),
        `study_uid`.

    Raises
    ------
    HouseError
        The file is no instance that can be read; see `imaging.dicom.headers.read_header`.
    """
    header = read_header(Path(path))
    dataset, date = header.dataset, scan_date(header.dataset)
    born = _text(dataset, "PatientBirthDate")
    return {
        "patient_id": _text(dataset, "PatientID"),
        "issuer": _text(dataset, "IssuerOfPatientID"),
        "patient_name": _text(dataset, "PatientName"),
        "birth_date": f"{born[:4]}-{born[4:6]}-{born[6:]}" if len(born) == 8 and born.isdecimal() else born,
        "scanned_on": date.isoformat() if date else "",
        "study_uid": header.study_instance_uid,
    }


def _text(dataset: Dataset, keyword: str) -> str:
    text = str(dataset.get(keyword) or "")
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())[:_MOST]
