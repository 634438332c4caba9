"""Comparing the patient of a timepoint with those of earlier images, and what the check says of it."""

from __future__ import annotations

import pytest

from imaging.deid.patients import PatientKey
from imaging.quality import Patients, Severity, Sighting, check_timepoint, compare_patients


def sighting(words: str) -> Sighting:
    """`"N-1 12345 ?"`: images of N-1 came under 12345, and are in question."""
    code, number, *asked = words.split()
    return Sighting(code, PatientKey(number), bool(asked))


@pytest.mark.parametrize(
    ("came", "expected"),
    [
        ([], Patients()),
        (["N-1 12345"], Patients()),
        (["N-1 12345 ?"], Patients(1)),
        (["N-1 12345", "N-1 12345 ?"], Patients(1)),
        (["N-1 12345", "N-1 99999 ?"], Patients(1, unfamiliar=1)),
        (["N-1 12345 ?", "N-1 99999 ?"], Patients(2, unfamiliar=1)),
        (["N-2 12345", "N-1 12345 ?"], Patients(1, others=("N-2",))),
        (["N-3 12345", "N-2 12345", "N-1 12345 ?"], Patients(1, others=("N-2", "N-3"))),
        (["N-1 99999", "N-2 12345", "N-1 12345 ?"], Patients(1, unfamiliar=1, others=("N-2",))),
        # After a change that a person has accepted, both numbers are the subject's.
        (["N-1 12345", "N-1 99999", "N-1 12345 ?"], Patients(1)),
        # What comes later changes nothing.
        (["N-1 12345 ?", "N-2 12345", "N-1 99999"], Patients(1)),
    ],
    ids=str,
)
def test_only_what_came_before_is_compared(came: list[str], expected: Patients) -> None:
    assert compare_patients([sighting(words) for words in came], "N-1") == expected


@pytest.mark.parametrize(
    ("patients", "expected"),
    [
        (Patients(), []),
        (Patients(1), [("patient_id_consistent", Severity.PASS)]),
        (Patients(1, unfamiliar=1), [("patient_id_unfamiliar", Severity.WARN)]),
        (Patients(1, others=("N-2",)), [("patient_of_other_subject", Severity.BLOCK)]),
        (
            Patients(1, 1, ("N-2", "N-3")),
            [("patient_of_other_subject", Severity.BLOCK), ("patient_id_unfamiliar", Severity.WARN)],
        ),
    ],
)
def test_another_subjects_number_blocks_and_a_new_one_is_for_a_person_to_judge(
    patients: Patients, expected: list[tuple[str, Severity]]
) -> None:
    found = check_timepoint([], [], patients=patients)
    assert [(finding.code, finding.severity) for finding in found if finding.code.startswith("patient")] == expected


def test_the_sentence_names_the_other_subject_and_no_number() -> None:
    (found,) = check_timepoint([], [], patients=Patients(1, others=("N-2", "N-3")))
    assert found.sentence == (
        "Images came under a Patient ID that was sent for N-2 and N-3 before. Ask the site who was scanned."
    )
    assert found.evidence == {"patient_ids": 1}
