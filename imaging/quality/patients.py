"""Whether the patient of a timepoint is the one of the subject's earlier images, by the hospital's numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imaging.deid.patients import PatientKey


@dataclass(frozen=True, slots=True)
class Sighting:
    """Images of a subject came under a patient's number; `asked` says that they are the ones in question."""

    subject_code: str
    key: PatientKey
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Patients:
    """Under how many numbers the images in question came, beside what came earlier.

    Attributes
    ----------
    numbers
        All of them; 0 where no header names a patient.
    unfamiliar
        Those that differ from every earlier number of the subject, where there was one.
    others
        Codes of the site's other subjects whose images came under one of the numbers before, in order.
    """

    numbers: int = 0
    unfamiliar: int = 0
    others: tuple[str, ...] = ()


def compare_patients(sightings: Sequence[Sighting], subject_code: str) -> Patients:
    """Compare the sightings in question with those before them.

    Only what came earlier counts, so that the answer for a timepoint stays when other timepoints get images.

    Parameters
    ----------
    sightings
        Of the subject and the site's other subjects, in the order in which they came.
    """
    asked = [(number, one) for number, one in enumerate(sightings) if one.asked]
    unfamiliar, others = 0, set()
    for number, one in asked:
        before = sightings[:number]
        same = {other.subject_code for other in before if other.key.may_be(one.key)}
        unfamiliar += subject_code not in same and any(other.subject_code == subject_code for other in before)
        others |= same - {subject_code}
    return Patients(len(asked), unfamiliar, tuple(sorted(others)))
