"""Recognising patients by the hospital's numbers: is a subject's scan of the person who was scanned before?

Numbers are compared within a site. Of other sites nothing is said.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

from django.db.models import Q

from compliance import audit, keys
from imaging.deid.keys import SubjectKeys
from imaging.deid.patients import PatientKey, digest_of
from imaging.models import KnownPatient
from imaging.quality import Patients, Sighting, compare_patients
from trials.models import Subject, Timepoint

_OTHER = "The Patient ID belongs to {}. Check who was scanned, and choose the timepoint of that subject."
_UNFAMILIAR = (
    "The Patient ID is not the one of the earlier images of {}. Check who was scanned. "
    "If the hospital has given the patient a new number, send the images all the same and say so in the transfer form."
)
_NO_KEY = (
    "The patient could not be compared with earlier images, as this server cannot read the trial's key. "
    "Tell the trial administrator."
)


def note_patients(*, timepoint: Timepoint, seen: Iterable[PatientKey], secret: bytes, at: dt.datetime) -> None:
    """Keep under which numbers a timepoint's images came; the subject's code in place of a number says nothing."""
    own = _numbers_of(timepoint.subject, secret)
    noted = {_key(row) for row in timepoint.known_patients.all()}
    for key in dict.fromkeys(seen):
        if key not in noted and key.number not in own:
            row = KnownPatient(timepoint=timepoint, number_key=key.number, issuer_key=key.issuer)
            audit.save(row, action="knownpatient.noted", actor=None, at=at)


def patients_of(timepoint: Timepoint) -> Patients:
    """Compare what is archived at a timepoint with what came earlier to its subject and the site's others."""
    noted = [_key(row) for row in timepoint.known_patients.all()]
    return compare_patients(_sightings(_rows(timepoint, noted), timepoint, noted, asked=True), timepoint.subject.code)


def patients_among(seen: Iterable[PatientKey], timepoint: Timepoint, secret: bytes) -> Patients:
    """Compare what is not here yet, in its order, with everything that came to the subject and the site's others."""
    own = _numbers_of(timepoint.subject, secret)
    new = [key for key in dict.fromkeys(seen) if key.number not in own]
    return _compared(_rows(timepoint, new), timepoint, new)


def warnings_about(*, timepoint: Timepoint, patients: Sequence[tuple[str, str]]) -> list[str]:
    """Say of each patient whether images of them belong to a timepoint, before any is sent.

    Parameters
    ----------
    patients
        Digests of number and issuer (`imaging.deid.patients.digest_of`). They are compared and not kept.

    Returns
    -------
    list of str
        In the same order, a sentence or nothing.
    """
    try:
        secret = keys.of_trial(timepoint.trial.code)
    except keys.KeyMissing:
        return [_NO_KEY] * len(patients)
    by_code = _numbers_of_codes(timepoint, secret)
    asked = [PatientKey.of(*patient, _keys(secret)) for patient in patients]
    rows = _rows(timepoint, filter(None, asked))
    return [_warning(timepoint, key, by_code, rows) if key else "" for key in asked]


def _warning(timepoint: Timepoint, key: PatientKey, by_code: dict[str, str], rows: Sequence[KnownPatient]) -> str:
    code = timepoint.subject.code
    if by_code.get(key.number) == code:
        return ""
    found = _compared(rows, timepoint, [key])
    others = found.others or tuple({by_code.get(key.number, code)} - {code})
    if others:
        return _OTHER.format(" and ".join(others))
    return _UNFAMILIAR.format(code) if found.unfamiliar else ""


def _compared(rows: Iterable[KnownPatient], timepoint: Timepoint, new: Sequence[PatientKey]) -> Patients:
    """Compare numbers that are not here yet with what came."""
    code = timepoint.subject.code
    asked = [Sighting(code, key, asked=True) for key in new]
    return compare_patients([*_sightings(rows, timepoint, new), *asked], code)


def _rows(timepoint: Timepoint, keys_asked: Iterable[PatientKey]) -> list[KnownPatient]:
    """What came to the subject under any number, and to the site's other subjects under one of these."""
    subject = timepoint.subject
    numbers = {key.number for key in keys_asked}
    rows = KnownPatient.objects.filter(
        Q(timepoint__subject=subject) | Q(number_key__in=numbers, timepoint__subject__site_id=subject.site_id)
    )
    return list(rows.select_related("timepoint__subject").order_by("pk"))


def _sightings(
    rows: Iterable[KnownPatient], timepoint: Timepoint, keys_asked: Iterable[PatientKey], *, asked: bool = False
) -> list[Sighting]:
    """Of these rows the subject's own, and of the others those under one of the numbers."""
    numbers = {key.number for key in keys_asked}
    return [
        Sighting(row.timepoint.subject.code, _key(row), asked and row.timepoint_id == timepoint.pk)
        for row in rows
        if row.timepoint.subject_id == timepoint.subject_id or row.number_key in numbers
    ]


def _key(row: KnownPatient) -> PatientKey:
    return PatientKey(row.number_key, row.issuer_key)


def _keys(secret: bytes) -> SubjectKeys:
    """Return the trial's pseudonyms; those of patients are the same for every subject."""
    return SubjectKeys(secret, "-")


def _numbers_of(subject: Subject, secret: bytes) -> set[str]:
    """What the codes of a subject would be as a patient's number."""
    found = (PatientKey.of(digest_of(code), "", _keys(secret)) for code in (subject.code, subject.first_code))
    return {key.number for key in found if key}


def _numbers_of_codes(timepoint: Timepoint, secret: bytes) -> dict[str, str]:
    """The codes of the site's subjects, by what they would be as a patient's number."""
    subjects = Subject.objects.filter(site=timepoint.site)
    return {number: subject.code for subject in subjects for number in _numbers_of(subject, secret)}
