"""Was the person scanned who was scanned before?"""

from __future__ import annotations

from collections.abc import Iterator

from imaging.quality.delivery import Delivery
from imaging.quality.findings import Finding, Severity

FINDS = {
    "patient_id_consistent": Severity.PASS,
    "patient_of_other_subject": Severity.BLOCK,
    "patient_id_unfamiliar": Severity.WARN,
}


def check(delivery: Delivery) -> Iterator[Finding]:
    """Block on a patient's number of another subject, warn of one that the subject has not had before.

    A hospital may give a patient a new number, so the latter is for a person to judge.
    """
    patients = delivery.patients
    if not patients.numbers:
        return
    evidence = {"patient_ids": patients.numbers}
    if patients.others:
        yield Finding(
            "patient_of_other_subject",
            f"Images came under a Patient ID that was sent for {' and '.join(patients.others)} before. "
            "Ask the site who was scanned.",
            evidence=evidence,
        )
    if patients.unfamiliar:
        yield Finding(
            "patient_id_unfamiliar",
            "Images came under another Patient ID than the subject's earlier ones. Ask the site who was scanned, "
            "or whether the hospital has given the patient a new number.",
            evidence=evidence,
        )
    if not (patients.others or patients.unfamiliar):
        yield Finding(
            "patient_id_consistent",
            "The Patient ID is the subject's own: none of the earlier images at the site contradicts it.",
            evidence=evidence,
        )
